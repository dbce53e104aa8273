"""Small sums in contracts: `sum(revenue)`, `count(orders)`, `sum(a.total) + sum(b.total) - 3`.

Parsed by `ast` against an allow-list, never evaluated as Python. Decimals and integers stay exact from the column to
the result. A frame that is absent (an optional input) counts as 0, and so does a sum of no rows.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import polars as pl

from sluice.quality.vocabulary import nearest

Number = Decimal | int | float
Frames = Mapping[str, pl.LazyFrame | None]

AGGREGATES = ("sum", "count", "count_distinct", "min", "max", "mean")
_PLANS = 64  # collected at a time
_DIGITS = 60  # of a quotient; sums, differences and products of 38-digit decimals are exact below it


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`sum(store_orders.order_total)`: the frame may be left out (the default one), the column too (all rows)."""

    name: str
    frame: str | None
    column: str | None

    def __str__(self) -> str:
        return f"{self.name}({'.'.join(part for part in (self.frame, self.column) if part)})"


def parse(formula: str) -> ast.expr:
    """The formula's tree; ValueError says which part is not allowed."""
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{formula!r} is not a formula: {error.msg}") from None
    _allowed(tree)
    return tree


def complaints(formula: str, frames: Mapping[str, Collection[str] | None], default: str | None) -> list[str]:
    """What is wrong with the formula; `frames` has the columns of each frame, None where they are not known."""
    try:
        for each in _aggregates(parse(formula)):
            frame, column = _place(each, frames, default)
            known = frames[frame]
            if column is not None and known is not None and column not in known:
                raise ValueError(f"{each}: there is no column {column!r}{_in(frame)}{nearest(column, known)}")
    except ValueError as error:
        return [str(error)]
    return []


def evaluate(formula: str, frames: Frames, default: str | None = None) -> Number | None:
    """The formula's value in one pass over the frames; None where it has none (the mean of no rows, 1/0)."""
    return evaluate_all({"": (formula, default)}, frames)[""]


def evaluate_all(formulas: Mapping[str, tuple[str, str | None]], frames: Frames) -> dict[str, Number | None]:
    """Several formulas, each with its default frame, in one collect."""
    return evaluate_each(formulas, {"": frames})[""]


def evaluate_each(
    formulas: Mapping[str, tuple[str, str | None]], each: Mapping[str, Frames]
) -> dict[str, dict[str, Number | None]]:
    """The same for several sets of frames, by label. A name stands for frames of one schema; a frame that several
    labels share is read once."""
    trees = {name: (parse(formula), default) for name, (formula, default) in formulas.items()}
    first: dict[str, pl.LazyFrame | None] = {}
    for frames in each.values():
        first = {name: frame if first.get(name) is None else first[name] for name, frame in frames.items()}
    schemas = {name: None if frame is None else frame.collect_schema() for name, frame in first.items()}
    for formula, default in formulas.values():
        if wrong := complaints(formula, schemas, default):
            raise ValueError(wrong[0])
    wanted: dict[str, dict[str, pl.Expr]] = {}
    for tree, default in trees.values():
        for aggregate in _aggregates(tree):
            place, column = _place(aggregate, first, default)
            schema = schemas[place]
            if schema is not None:
                wanted.setdefault(place, {})[_key(aggregate.name, column)] = _expr(aggregate, column, schema)
    plans = {
        (name, id(frame)): frame.select(**exprs)
        for name, exprs in wanted.items() for frames in each.values()
        if (frame := frames[name]) is not None
    }  # fmt: skip
    found = dict(zip(plans, _collected(list(plans.values())), strict=True))

    def value(aggregate: Aggregate, default: str | None, frames: Frames) -> Number | None:
        name, column = _place(aggregate, frames, default)
        frame = frames[name]
        return 0 if frame is None else found[name, id(frame)][_key(aggregate.name, column)]

    return {
        label: {
            name: _compute(tree, lambda one, d=default, f=frames: value(one, d, f))
            for name, (tree, default) in trees.items()
        }
        for label, frames in each.items()
    }


def _collected(plans: Sequence[pl.LazyFrame]) -> list[dict[str, Any]]:
    """Their only rows. Not all plans at once: each file that is being read takes a thread, and a thread its memory."""
    pieces = (plans[start : start + _PLANS] for start in range(0, len(plans), _PLANS))
    return [row.row(0, named=True) for piece in pieces for row in pl.collect_all(piece)]


def metrics(formulas: Mapping[str, str], frame: pl.LazyFrame) -> dict[str, Number | None]:
    """A product's named aggregates over one frame."""
    return evaluate_all({name: (formula, "") for name, formula in formulas.items()}, {"": frame})


def metrics_by(
    formulas: Mapping[str, str], frame: pl.LazyFrame, by: str | pl.Expr
) -> dict[Any, dict[str, Number | None]]:
    """The same for each value of `by` (a column, or an expression that names the interval), in one pass."""
    trees = {name: parse(formula) for name, formula in formulas.items()}
    schema = frame.collect_schema()
    for formula in formulas.values():
        if wrong := complaints(formula, {"": schema}, ""):
            raise ValueError(wrong[0])
    wanted, summed = {}, {}
    for tree in trees.values():
        for each in _aggregates(tree):
            _, column = _place(each, {"": frame}, "")
            wanted[_key(each.name, column)] = _expr(each, column, schema)
            dtype = schema[column] if column else None
            if each.name in ("sum", "mean") and isinstance(dtype, pl.Decimal):
                wanted[f"reach of {column}"] = pl.col(column or "").abs().max()
                summed[f"reach of {column}"] = Decimal(10) ** (38 - dtype.scale)
    key = (pl.col(by) if isinstance(by, str) else by).alias("_by")
    rows = frame.group_by(key).agg(**wanted, _rows=pl.len()).sort("_by").collect().rows(named=True)

    def one(row: dict[str, Any], tree: ast.expr) -> Number | None:
        return _compute(tree, lambda each: row[_key(each.name, _place(each, {"": frame}, "")[1])])

    def exact(row: dict[str, Any]) -> bool:
        """Polars' sum of decimals wraps around in silence where there are groups (2.1.0), and fails where there are
        none: what could have wrapped is added up by itself."""
        return all(row[reach] is None or row[reach] * row["_rows"] < most for reach, most in summed.items())

    return {
        row["_by"]: {name: one(row, tree) for name, tree in trees.items()}
        if exact(row)
        else metrics(formulas, frame.filter(key.eq_missing(pl.lit(row["_by"]))))
        for row in rows
    }


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """With all digits: Python's own context would round to 28."""
    with localcontext() as context:
        context.prec = _DIGITS
        return left - right


def _allowed(node: ast.expr) -> None:
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right):
            _allowed(left)
            _allowed(right)
        case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
            _allowed(operand)
        case ast.Constant(value) if isinstance(value, int | float) and not isinstance(value, bool):
            pass
        case ast.Call(ast.Name(name), arguments, []):
            if name not in AGGREGATES:
                raise ValueError(f"there is no function {name!r}{nearest(name, AGGREGATES)}")
            plain = all(
                isinstance(each, ast.Name) or (isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name))
                for each in arguments
            )
            if not plain or len(arguments) > 1 or (not arguments and name != "count"):
                raise ValueError(f"{ast.unparse(node)}: {name} takes one column, like {name}(orders.total)")
        case ast.Name(name) | ast.Attribute(attr=name):
            raise ValueError(f"{ast.unparse(node)!r} stands alone; say what of it, like sum({name})")
        case _:
            known = ", ".join(AGGREGATES)
            raise ValueError(f"{ast.unparse(node)!r} is not allowed in a formula (known: {known}, + - * /)")


def _aggregates(tree: ast.expr) -> Iterator[Aggregate]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _aggregate(node)


def _aggregate(node: ast.Call) -> Aggregate:
    assert isinstance(node.func, ast.Name)
    match node.args:
        case [ast.Attribute(ast.Name(frame), column)]:
            return Aggregate(node.func.id, frame, column)
        case [ast.Name(word)]:
            return Aggregate(node.func.id, None, word)
        case _:
            return Aggregate(node.func.id, None, None)


def _place(each: Aggregate, frames: Mapping[str, Any], default: str | None) -> tuple[str, str | None]:
    """(frame, column) an aggregate is about. `count(orders)` counts the rows of the frame `orders`."""
    if each.frame is not None:
        if each.frame not in frames:
            raise ValueError(f"{each}: there is no input {each.frame!r}{nearest(each.frame, frames)}")
        return each.frame, each.column
    if each.name == "count" and each.column in frames:
        assert each.column is not None
        return each.column, None
    if default is None:
        known = [name for name in frames if name]
        hint = nearest(each.column or "", known) if each.name == "count" else ""
        raise ValueError(f"{each}: say of which input, like {each.name}({known[0]}.{each.column}){hint}")
    return default, each.column


def _expr(each: Aggregate, column: str | None, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    if column is None:
        return pl.len()
    dtype, values = schema[column], pl.col(column)
    if each.name in ("count", "count_distinct"):
        return values.count() if each.name == "count" else values.drop_nulls().n_unique()
    if not dtype.is_numeric():
        raise ValueError(f"{each}: {column!r} is not a column of numbers")
    if each.name in ("min", "max"):
        return values.min() if each.name == "min" else values.max()
    total = values.cast(pl.Int128).sum() if dtype.is_integer() else values.sum()
    # The mean stays a pair until it is divided with all its digits: Polars' own mean of decimals is a float.
    return total if each.name == "sum" else pl.struct(total=total, count=values.count())


def _compute(node: ast.expr, value: Any) -> Number | None:
    with localcontext() as context:
        context.prec = _DIGITS
        return _walk(node, value)


def _walk(node: ast.expr, value: Any) -> Number | None:
    match node:
        case ast.Constant(int() | float() as number):
            return Decimal(str(number)) if isinstance(number, float) else number
        case ast.UnaryOp(op, operand):
            inner = _walk(operand, value)
            return inner if inner is None or isinstance(op, ast.UAdd) else -inner
        case ast.BinOp(left, op, right):
            return _arithmetic(op, _walk(left, value), _walk(right, value))
        case ast.Call():
            found = value(_aggregate(node))
            return _arithmetic(ast.Div(), found["total"], found["count"]) if isinstance(found, dict) else found
    raise AssertionError(ast.dump(node))


def _arithmetic(op: ast.operator, left: Any, right: Any) -> Number | None:
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    match op:
        case ast.Add():
            return left + right  # type: ignore[no-any-return]
        case ast.Sub():
            return left - right  # type: ignore[no-any-return]
        case ast.Mult():
            return left * right  # type: ignore[no-any-return]
    if right == 0:
        return None
    return left / right if isinstance(left, float) else Decimal(left) / Decimal(right)


def _key(name: str, column: str | None) -> str:
    return f"{name}({column or ''})"


def _in(frame: str) -> str:
    return f" in {frame!r}" if frame else ""
