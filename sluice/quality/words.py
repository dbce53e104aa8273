"""What an expectation asks, in words for people: the limit beside an observed value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any


def limit(expect: str, args: Mapping[str, Any]) -> str:
    """`order_total from 0 to 100000`, `region is one of north, south`, … ; `mostly` and conditions included."""
    text: str = _LIMITS.get(expect, _plain)(args)
    if "mostly" in args and args["mostly"] < 1:
        text += f", for {args['mostly'] * 100:g}% of the rows"
    if condition := args.get("row_condition"):
        text += f", where {_condition(condition)}"
    return text


def shown(value: Any) -> Any:
    """`value` for JSON and for people: decimals and times as text, structures as lists."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # NaN and the infinities are not JSON
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [shown(each) for each in value]
    return str(value)


def _several(values: Any, most: int = 12) -> str:
    listed = [str(shown(each)) for each in values]
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def _range(args: Mapping[str, Any]) -> str:
    low, high = args.get("min_value"), args.get("max_value")
    above = "more than" if args.get("strict_min") else "at least"
    below = "less than" if args.get("strict_max") else "at most"
    if low is None:
        return f"{below} {shown(high)}"
    return f"{above} {shown(low)}" + ("" if high is None else f" and {below} {shown(high)}")


def _subject(args: Mapping[str, Any]) -> str:
    if "column_A" in args:
        return f"{args['column_A']}, {args['column_B']}"
    return str(args["column"]) if "column" in args else ", ".join(args.get("column_list", ()))


def _plain(args: Mapping[str, Any]) -> str:
    rest = {
        name: each
        for name, each in args.items()
        if name not in ("column", "column_A", "column_B", "column_list", "mostly", "row_condition", "ignore_row_if")
    }
    described = ", ".join(f"{name} {_several(v) if isinstance(v, list) else shown(v)}" for name, v in rest.items())
    return f"{_subject(args)}: {described}" if described else _subject(args)


def _condition(condition: Mapping[str, Any]) -> str:
    if condition["type"] in ("and", "or"):
        return f" {condition['type']} ".join(_condition(each) for each in condition["conditions"])
    name = condition["column"]["name"]
    if condition["type"] == "nullity":
        return f"{name} is {'' if condition['is_null'] else 'not '}null"
    return f"{name} {condition['operator']} {shown(condition['parameter'])}"


def _of(what: str) -> Any:
    return lambda args: f"{what} of {args['column']} {_range(args)}"


_LIMITS: dict[str, Any] = {
    "expect_column_values_to_not_be_null": lambda a: f"{a['column']} is never null",
    "expect_column_values_to_be_null": lambda a: f"{a['column']} is always null",
    "expect_column_values_to_be_in_set": lambda a: f"{a['column']} is one of {_several(a['value_set'])}",
    "expect_column_values_to_not_be_in_set": lambda a: f"{a['column']} is none of {_several(a['value_set'])}",
    "expect_column_values_to_be_between": lambda a: f"{a['column']} {_range(a)}",
    "expect_column_values_to_match_regex": lambda a: f"{a['column']} matches {a['regex']}",
    "expect_column_values_to_not_match_regex": lambda a: f"{a['column']} does not match {a['regex']}",
    "expect_column_value_lengths_to_be_between": _of("length"),
    "expect_column_values_to_be_unique": lambda a: f"{a['column']} is unique",
    "expect_compound_columns_to_be_unique": lambda a: f"{_subject(a)} are unique together",
    "expect_column_pair_values_to_be_equal": lambda a: f"{a['column_A']} equals {a['column_B']}",
    "expect_column_pair_values_a_to_be_greater_than_b": lambda a: (
        f"{a['column_A']} is {'at least' if a.get('or_equal') else 'above'} {a['column_B']}"
    ),
    "expect_multicolumn_sum_to_equal": lambda a: f"{' + '.join(a['column_list'])} = {shown(a['sum_total'])}",
    "expect_column_min_to_be_between": _of("minimum"),
    "expect_column_max_to_be_between": _of("maximum"),
    "expect_column_mean_to_be_between": _of("mean"),
    "expect_column_median_to_be_between": _of("median"),
    "expect_column_stdev_to_be_between": _of("standard deviation"),
    "expect_column_sum_to_be_between": _of("sum"),
    "expect_column_unique_value_count_to_be_between": _of("number of different values"),
    "expect_column_proportion_of_unique_values_to_be_between": _of("share of different values"),
    "expect_column_proportion_of_non_null_values_to_be_between": _of("share of values that are not null"),
    "expect_column_type_to_be": lambda a: f"{a['column']} is {a['type_']}",
    "expect_table_row_count_to_be_between": lambda a: f"rows: {_range(a)}",
    "expect_table_row_count_to_equal": lambda a: f"rows: {a['value']}",
    "expect_table_columns_to_match_set": lambda a: f"columns: {_several(a['column_set'], 40)}",
    "expect_table_columns_to_match_ordered_list": lambda a: f"columns, in this order: {_several(a['column_list'], 40)}",
}
