"""One expectation of a contract, read strictly: typed arguments, or every problem with its place and nearest word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sluice.model.columns import ColumnType
from sluice.quality import masks
from sluice.quality.values import number, typed
from sluice.quality.vocabulary import EXPECTATIONS, UNSUPPORTED, Arg, Spec, nearest

Path = tuple[str | int, ...]
Problem = tuple[Path, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns an expectation may name, and the zone in which its times are meant."""

    columns: Mapping[str, ColumnType]
    zone: str = "UTC"

    def operands(self, names: list[str]) -> list[masks.Operand]:
        return [masks.Operand(name, self.columns[name].polars()) for name in names]


@dataclass(slots=True)
class Reading:
    """The outcome of reading one expectation; `args` is complete only when there are no problems."""

    expect: str
    args: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def spec(self) -> Spec:
        return EXPECTATIONS[self.expect]

    def wrong(self, message: str, *path: str | int) -> None:
        self.problems.append((path, message))


def read(expect: str, given: Mapping[str, Any], table: Table) -> Reading:
    """Reads `expect: …, with: {…}` against the columns it is about."""
    reading = Reading(expect)
    if expect not in EXPECTATIONS:
        why = f" is not supported: {UNSUPPORTED[expect]}" if expect in UNSUPPORTED else " is not an expectation"
        reading.wrong(f"{expect!r}{why}{'' if expect in UNSUPPORTED else nearest(expect, EXPECTATIONS)}", "expect")
        return reading
    spec = reading.spec
    for name in given:
        if name not in spec.args:
            reading.wrong(f"{expect} has no argument {name!r}{nearest(name, spec.args)}", "with", name)
    for name, arg in spec.args.items():
        if arg.required and given.get(name) is None:
            reading.wrong(f"{expect} needs {name!r}", "with")
    if reading.problems:
        return reading
    for kind_first in (True, False):  # columns before the values that are read as their types
        for name, value in given.items():
            if (spec.args[name].kind in ("column", "columns")) is kind_first and value is not None:
                try:
                    reading.args[name] = _argument(spec.args[name], value, reading, table)
                except ValueError as error:
                    reading.wrong(str(error), "with", name)
        if reading.problems:
            return reading
    _consistent(reading, table)
    return reading


def type_of(name: str, table: Table) -> ColumnType:
    if name not in table.columns:
        raise ValueError(f"there is no column {name!r}{nearest(name, table.columns)}")
    return table.columns[name]


def _argument(arg: Arg, value: Any, reading: Reading, table: Table) -> Any:
    match arg.kind:
        case "column":
            _needed(reading.spec, _text(value), type_of(_text(value), table))
            reading.names.append(value)
            return value
        case "columns":
            for name in _list(value):
                _needed(reading.spec, _text(name), type_of(_text(name), table))
            if len(value) < 2:
                raise ValueError("at least two columns are needed")
            if len(set(value)) < len(value):
                raise ValueError("a column is named twice")
            reading.names.extend(value)
            return list(value)
        case "value":
            return typed(value, table.columns[reading.names[0]], table.zone)
        case "values":
            return [typed(each, table.columns[reading.names[0]], table.zone) for each in _list(value)]
        case "pairs":
            return [_pair(each, reading, table) for each in _list(value)]
        case "condition":
            return _condition(value, table)
        case _:
            return _scalar(arg, value)


def _scalar(arg: Arg, value: Any) -> Any:
    match arg.kind:
        case "number":
            return number(value)
        case "whole":
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"expected a whole number, not {value!r}")
            return value
        case "flag":
            if not isinstance(value, bool):
                raise ValueError(f"expected true or false, not {value!r}")
            return value
        case "share":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ValueError(f"expected a share from 0 to 1, not {value!r}")
            return float(value)
        case "choice":
            if value not in arg.choices:
                raise ValueError(f"{value!r} is none of {', '.join(arg.choices)}{nearest(value, arg.choices)}")
            return value
        case "regex":
            return _regex(value)
        case "regexes":
            return [_regex(each) for each in _list(value)]
        case "type":
            return str(ColumnType.parse(_text(value)))
        case "types":
            return [str(ColumnType.parse(_text(each))) for each in _list(value)]
        case "escape":
            if len(_text(value)) != 1:
                raise ValueError("the escape is a single character")
            return value
        case "like":
            return _text(value)
        case _:  # likes, names
            return [_text(each) for each in _list(value)]


def _needed(spec: Spec, name: str, type_: ColumnType) -> None:
    ordered = type_.is_number or type_.name in ("string", "date", "timestamp")
    fits = {
        "any": True,
        "text": type_.is_text,
        "number": type_.is_number,
        "ordered": ordered,
        "scalar": type_.name != "array",
    }[spec.needs]
    if not fits:
        wanted = {"text": "text", "number": "numbers", "ordered": "values with an order", "scalar": "single values"}
        raise ValueError(f"{name!r} is {type_}, and this expectation is about {wanted[spec.needs]}")


def _consistent(reading: Reading, table: Table) -> None:
    args, spec = reading.args, reading.spec
    low, high = args.get("min_value"), args.get("max_value")
    if spec.one_bound and low is None and high is None:
        reading.wrong("give min_value, max_value or both", "with")
    if low is not None and high is not None and low > high:
        reading.wrong(f"min_value {low} is above max_value {high}", "with", "min_value")
    if "like_pattern" in args or "like_pattern_list" in args:
        for pattern in args.get("like_pattern_list") or [args["like_pattern"]]:
            try:
                masks.like_to_regex(pattern, args.get("escape"))
            except ValueError as error:
                reading.wrong(str(error), "with", "like_pattern")
    if spec.shape == "pair" and args["column_A"] == args["column_B"]:
        reading.wrong("a column is compared with itself", "with", "column_B")
    if spec.shape in ("pair", "columns") and spec.alone and spec.metric != "column_pair_values.in_set":
        first = table.columns[reading.names[0]]
        for other in reading.names[1:]:
            if not _comparable(first, table.columns[other]):
                reading.wrong(
                    f"{reading.names[0]!r} ({first}) and {other!r} ({table.columns[other]}) cannot be compared", "with"
                )


def _comparable(a: ColumnType, b: ColumnType) -> bool:
    if a.is_number and b.is_number:  # a decimal against a float would compare by rounding
        return not ({a.name[:5], b.name[:5]} >= {"float", "decim"})
    return (a.is_text and b.is_text) or a == b


def _pair(value: Any, reading: Reading, table: Table) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"expected pairs of values, not {value!r}")
    both = zip(value, reading.names, strict=True)
    return tuple(None if each is None else typed(each, table.columns[name], table.zone) for each, name in both)


def _condition(value: Any, table: Table) -> dict[str, Any]:
    """Great Expectations' row conditions in their structured form, with values of the column's type."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("and", "or"):
        return {"type": kind, "conditions": [_condition(each, table) for each in _list(value.get("conditions"))]}
    kinds = ("comparison", "nullity", "and", "or")
    if kind not in kinds or not isinstance(value.get("column"), dict) or "name" not in value["column"]:
        raise ValueError(
            "expected {type: comparison, column: {name: …}, operator: '==', parameter: …} or "
            f"{{type: nullity, column: {{name: …}}, is_null: true}}{nearest(str(kind), kinds)}"
        )
    name = _text(value["column"]["name"])
    type_ = type_of(name, table)
    if kind == "nullity":
        return {"type": kind, "column": {"name": name}, "is_null": _scalar(Arg("flag"), value.get("is_null"))}
    operator, operators = value.get("operator"), ("==", "!=", "<", "<=", ">", ">=", "IN", "NOT_IN")
    if operator not in operators:
        raise ValueError(f"{operator!r} is none of {' '.join(operators)}")
    several = operator in ("IN", "NOT_IN")
    given = _list(value.get("parameter")) if several else [value.get("parameter")]
    plain = [_plain(typed(each, type_, table.zone)) for each in given]
    return {
        "type": kind,
        "column": {"name": name},
        "operator": operator,
        "parameter": plain if several else plain[0],
    }


def _plain(value: Any) -> Any:
    """Conditions hold numbers and text only; the engine reads the text back as the column's type."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def _regex(value: Any) -> str:
    if why := masks.compiles(_text(value)):
        raise ValueError(f"not a regular expression here: {why}")
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, not {value!r}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"expected a list with at least one value, not {value!r}")
    return list(value)
