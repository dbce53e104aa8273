"""What each expectation means on rows: one Polars expression, true on the rows that break it, never null.

The same expressions set rows aside at the source and answer Great Expectations in the gate: the two cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from sluice.quality.values import ExactText, places

Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operand:
    """A column as the rules see it: its name, and the type that literals are made to match."""

    name: str
    dtype: pl.DataType

    @property
    def column(self) -> pl.Expr:
        return pl.col(self.name)

    def value(self, value: Any) -> Any:
        """`value` as this column holds it; text is read as the column's type, so that nothing rounds on the way."""
        if isinstance(value, ExactText) or (isinstance(value, str) and self.dtype.is_decimal()):
            return Decimal(str(value))
        if isinstance(value, str) and self.dtype == pl.Date:
            return date.fromisoformat(value)
        if isinstance(value, str) and isinstance(self.dtype, pl.Datetime):
            value = datetime.fromisoformat(value)
        zone = self.dtype.time_zone if isinstance(self.dtype, pl.Datetime) else None
        return value.astimezone(ZoneInfo(zone)) if zone and isinstance(value, datetime) and value.tzinfo else value

    def literal(self, value: Any) -> pl.Expr:
        """A decimal that does not fit the column keeps its own scale: 0.005 is not 0.00."""
        value = self.value(value)
        if isinstance(value, Decimal):
            fits = isinstance(self.dtype, pl.Decimal) and places(value) <= (self.dtype.scale or 0)
            return pl.lit(value, dtype=self.dtype) if fits else pl.lit(value)
        if isinstance(value, float) and self.dtype.is_integer():
            return pl.lit(value)
        return pl.lit(value, dtype=self.dtype)

    def among(self, values: Iterable[Any]) -> pl.Expr:
        wanted = [self.value(value) for value in values if value is not None]
        if self.dtype.is_decimal():  # of another scale: such a value equals none that the column can hold
            scale = getattr(self.dtype, "scale", 0) or 0
            wanted = [value for value in map(Decimal, wanted) if places(value) <= scale]
        return self.column.is_in(pl.Series(wanted, dtype=self.dtype, strict=True).implode())


Meets = Callable[[Sequence[Operand], Args], pl.Expr]


def bad_rows(metric: str, operands: Sequence[Operand], args: Args) -> tuple[pl.Expr, pl.Expr]:
    """(rows that break the expectation, rows it says nothing about): two masks without nulls."""
    passed = _MEETS[metric](operands, args).fill_null(False)
    skipped = _skipped(metric, operands, args)
    return (~passed if skipped is None else ~passed & ~skipped), (pl.lit(False) if skipped is None else skipped)


def known_metrics() -> tuple[str, ...]:
    return tuple(_MEETS)


def compiles(pattern: str) -> str | None:
    """Why Polars refuses the regular expression, or nothing. Python's and Rust's dialects differ: look-around, \\Z."""
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        text = str(error).split("This error occurred")[0]
        return text.strip().splitlines()[-1].removeprefix("error: ")
    return None


def like_to_regex(pattern: str, escape: str | None = None) -> str:
    """SQL LIKE as a regular expression over the whole value."""
    parts, letters = [], iter(pattern)
    for letter in letters:
        if letter == escape:
            following = next(letters, None)
            if following is None:
                raise ValueError(f"{pattern!r} ends in the escape character")
            parts.append(re.escape(following))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter) or re.escape(letter))
    return rf"(?s)\A{''.join(parts)}\z"


def _skipped(metric: str, operands: Sequence[Operand], args: Args) -> pl.Expr | None:
    nulls = [each.column.is_null() for each in operands]
    if metric in ("column_values.nonnull", "column_values.null"):
        return None
    if metric.startswith("column_values."):
        return nulls[0]
    default = "both_values_are_missing" if metric.startswith("column_pair_values.") else "all_values_are_missing"
    when = args.get("ignore_row_if") or default
    if when in ("both_values_are_missing", "all_values_are_missing"):
        return pl.all_horizontal(nulls)
    if when in ("either_value_is_missing", "any_value_is_missing"):
        return pl.any_horizontal(nulls)
    return None


def _within(expr: pl.Expr, args: Args, literal: Callable[[Any], pl.Expr]) -> pl.Expr:
    passed = []
    if args.get("min_value") is not None:
        low = literal(args["min_value"])
        passed.append(expr > low if args.get("strict_min") else expr >= low)
    if args.get("max_value") is not None:
        high = literal(args["max_value"])
        passed.append(expr < high if args.get("strict_max") else expr <= high)
    return reduce(and_, passed)


def _between(operands: Sequence[Operand], args: Args) -> pl.Expr:
    operand = operands[0]
    passed = _within(operand.column, args, operand.literal)
    # Polars puts NaN above every number, so `min: 0` alone would let it pass.
    return passed & operand.column.is_not_nan() if operand.dtype.is_float() else passed


def _length(operands: Sequence[Operand], args: Args) -> pl.Expr:
    return _within(operands[0].column.str.len_chars().cast(pl.Int64), args, pl.lit)


def _any_regex(operands: Sequence[Operand], patterns: Iterable[str], how: Callable[..., Any] = or_) -> pl.Expr:
    matches: list[pl.Expr] = [operands[0].column.str.contains(pattern) for pattern in patterns]
    found: pl.Expr = reduce(how, matches)
    return found


def _how(args: Args) -> Callable[..., Any]:
    return and_ if args.get("match_on") == "all" else or_


def _likes(args: Args) -> list[str]:
    patterns = args["like_pattern_list"] if "like_pattern_list" in args else [args["like_pattern"]]
    return [like_to_regex(pattern, args.get("escape")) for pattern in patterns]


def _ordered(operands: Sequence[Operand], args: Args, *, up: bool) -> pl.Expr:
    column = operands[0].column
    before = column.shift(1).forward_fill()  # the nearest earlier value: nulls take no part in the order
    first, second = (before, column) if up else (column, before)
    return before.is_null() | (first < second if args.get("strictly") else first <= second)


def _z_score(operands: Sequence[Operand], args: Args) -> pl.Expr:
    column, limit = operands[0].column.cast(pl.Float64), float(args["threshold"])
    score = (column - column.mean()) / column.std()
    under = score.abs() < abs(limit) if args.get("double_sided", True) else score < limit
    return under | score.is_nan() | score.is_null() | (column.std() == 0)


def _not_outlier(operands: Sequence[Operand], args: Args) -> pl.Expr:
    column, reach = operands[0].column.cast(pl.Float64), float(args.get("multiplier") or 1.5)
    if (args.get("method") or "iqr") == "iqr":
        low, high = column.quantile(0.25, "linear"), column.quantile(0.75, "linear")
        spread = (high - low) * reach
        return (column >= low - spread) & (column <= high + spread)
    mean, spread = column.mean(), column.std() * reach
    return spread.is_null() | pl.when(spread <= 0).then(column == mean).otherwise((column - mean).abs() < spread)


def _greater(operands: Sequence[Operand], args: Args) -> pl.Expr:
    left, right = operands[0].column, operands[1].column
    return left >= right if args.get("or_equal") else left > right


def _pair_in_set(operands: Sequence[Operand], args: Args) -> pl.Expr:
    def same(operand: Operand, value: Any) -> pl.Expr:
        return operand.column.is_null() if value is None else (operand.column == operand.literal(value))

    left, right = operands
    return reduce(or_, [same(left, a).fill_null(False) & same(right, b) for a, b in args["value_pairs_set"]])


def _sum_equal(operands: Sequence[Operand], args: Args) -> pl.Expr:
    wide = [each.column.cast(pl.Int128) if each.dtype.is_integer() else each.column for each in operands]
    total = args["sum_total"]
    exact = Decimal(str(total)) if not any(each.dtype.is_float() for each in operands) else float(total)
    return pl.sum_horizontal(wide, ignore_nulls=False) == pl.lit(exact)


def _all_equal(operands: Sequence[Operand], _: Args) -> pl.Expr:
    return reduce(and_, [operands[0].column.eq_missing(each.column) for each in operands[1:]])


def _unique_within(operands: Sequence[Operand], _: Args) -> pl.Expr:
    pairs = [(a, b) for i, a in enumerate(operands) for b in operands[i + 1 :]]
    return reduce(and_, [a.column.ne_missing(b.column) for a, b in pairs])


_MEETS: dict[str, Meets] = {
    "column_values.nonnull": lambda o, _: o[0].column.is_not_null(),
    "column_values.null": lambda o, _: o[0].column.is_null(),
    "column_values.unique": lambda o, _: ~o[0].column.is_duplicated(),
    "column_values.in_set": lambda o, a: o[0].among(a["value_set"]),
    "column_values.not_in_set": lambda o, a: ~o[0].among(a["value_set"]),
    "column_values.between": _between,
    "column_values.match_regex": lambda o, a: o[0].column.str.contains(a["regex"]),
    "column_values.not_match_regex": lambda o, a: ~o[0].column.str.contains(a["regex"]),
    "column_values.match_regex_list": lambda o, a: _any_regex(o, a["regex_list"], _how(a)),
    "column_values.not_match_regex_list": lambda o, a: ~_any_regex(o, a["regex_list"]),
    "column_values.match_like_pattern": lambda o, a: _any_regex(o, _likes(a)),
    "column_values.not_match_like_pattern": lambda o, a: ~_any_regex(o, _likes(a)),
    "column_values.match_like_pattern_list": lambda o, a: _any_regex(o, _likes(a), _how(a)),
    "column_values.not_match_like_pattern_list": lambda o, a: ~_any_regex(o, _likes(a)),
    "column_values.value_length.between": _length,
    "column_values.value_length.equals": lambda o, a: o[0].column.str.len_chars() == int(a["value"]),
    "column_values.increasing": lambda o, a: _ordered(o, a, up=True),
    "column_values.decreasing": lambda o, a: _ordered(o, a, up=False),
    "column_values.z_score.under_threshold": _z_score,
    "column_values.not_outliers": _not_outlier,
    "column_pair_values.equal": lambda o, _: o[0].column == o[1].column,
    "column_pair_values.a_greater_than_b": _greater,
    "column_pair_values.in_set": _pair_in_set,
    "compound_columns.unique": lambda o, _: ~pl.struct(each.column for each in o).is_duplicated(),
    "multicolumn_sum.equal": _sum_equal,
    "multicolumn_values.equal": _all_equal,
    "select_column_values.unique.within_record": _unique_within,
}
