"""The expectations a contract may use, in Great Expectations' own words, with their arguments.

Our own table, so that `sluice check` answers in milliseconds: importing Great Expectations costs seconds.
A test holds the table against Great Expectations' real classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

Kind = Literal[
    "column", "columns", "value", "values", "pairs", "number", "whole", "flag", "regex", "regexes", "like", "likes",
    "escape", "choice", "type", "types", "names", "share", "condition",
]  # fmt: skip
Shape = Literal["column", "pair", "columns", "table"]
Needs = Literal["text", "number", "ordered", "scalar", "any"]


@dataclass(frozen=True, slots=True)
class Arg:
    """`value` and `values` are of the column's own type; `number` is exact; `like` is a SQL LIKE pattern."""

    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """One expectation: `metric` names the condition on rows behind it, if it has one.

    `alone`: each row is judged by itself, so the expectation can be a row rule. `skips_nulls`: it says nothing of
    rows whose values are missing, so it would hold for a column with no values at all.
    """

    shape: Shape
    args: Mapping[str, Arg]
    metric: str | None = None
    alone: bool = False
    skips_nulls: bool = False
    needs: Needs = "any"
    one_bound: bool = False


@dataclass(frozen=True, slots=True)
class _Family:
    shape: Shape
    args: Mapping[str, Arg] = field(default_factory=dict)

    def __call__(
        self,
        metric: str | None = None,
        *,
        alone: bool = False,
        needs: Needs = "any",
        one_bound: bool = False,
        nulls: bool = False,
        args: Mapping[str, Arg] | None = None,
    ) -> Spec:
        mapped = metric is not None
        return Spec(
            self.shape, {**self.args, **(args or {})}, metric, alone, skips_nulls=mapped and not nulls,
            needs=needs, one_bound=one_bound,
        )  # fmt: skip


_CONDITION = Arg("condition")
_COLUMN = {"column": Arg("column", True), "row_condition": _CONDITION}
_MAP = _Family("column", {**_COLUMN, "mostly": Arg("share")})
_AGGREGATE = _Family("column", _COLUMN)
_PAIR = _Family(
    "pair",
    {
        "column_A": Arg("column", True),
        "column_B": Arg("column", True),
        "mostly": Arg("share"),
        "row_condition": _CONDITION,
        "ignore_row_if": Arg("choice", choices=("both_values_are_missing", "either_value_is_missing", "neither")),
    },
)
_COLUMNS = _Family(
    "columns",
    {
        "column_list": Arg("columns", True),
        "mostly": Arg("share"),
        "row_condition": _CONDITION,
        "ignore_row_if": Arg("choice", choices=("all_values_are_missing", "any_value_is_missing", "never")),
    },
)
_TABLE = _Family("table")
_FLAG, _WHOLE, _VALUES = Arg("flag"), Arg("whole"), Arg("values", True)
_STRICT = {"strict_min": _FLAG, "strict_max": _FLAG}
_BY_VALUE = {"min_value": Arg("value"), "max_value": Arg("value"), **_STRICT}
_BY_NUMBER = {"min_value": Arg("number"), "max_value": Arg("number"), **_STRICT}
_BY_COUNT = {"min_value": _WHOLE, "max_value": _WHOLE, **_STRICT}
_MATCH_ON = Arg("choice", choices=("any", "all"))
_LIKE = {"like_pattern": Arg("like", True), "escape": Arg("escape")}
_LIKES = {"like_pattern_list": Arg("likes", True), "escape": Arg("escape")}

EXPECTATIONS: dict[str, Spec] = {
    # each row by itself
    "expect_column_values_to_not_be_null": _MAP("column_values.nonnull", alone=True, nulls=True),
    "expect_column_values_to_be_null": _MAP("column_values.null", alone=True, nulls=True),
    "expect_column_values_to_be_in_set": _MAP(
        "column_values.in_set", alone=True, needs="scalar", args={"value_set": _VALUES}
    ),
    "expect_column_values_to_not_be_in_set": _MAP(
        "column_values.not_in_set", alone=True, needs="scalar", args={"value_set": _VALUES}
    ),
    "expect_column_values_to_be_between": _MAP(
        "column_values.between", alone=True, needs="ordered", one_bound=True, args=_BY_VALUE
    ),
    "expect_column_values_to_match_regex": _MAP(
        "column_values.match_regex", alone=True, needs="text", args={"regex": Arg("regex", True)}
    ),
    "expect_column_values_to_not_match_regex": _MAP(
        "column_values.not_match_regex", alone=True, needs="text", args={"regex": Arg("regex", True)}
    ),
    "expect_column_values_to_match_regex_list": _MAP(
        "column_values.match_regex_list",
        alone=True,
        needs="text",
        args={"regex_list": Arg("regexes", True), "match_on": _MATCH_ON},
    ),
    "expect_column_values_to_not_match_regex_list": _MAP(
        "column_values.not_match_regex_list", alone=True, needs="text", args={"regex_list": Arg("regexes", True)}
    ),
    "expect_column_values_to_match_like_pattern": _MAP(
        "column_values.match_like_pattern", alone=True, needs="text", args=_LIKE
    ),
    "expect_column_values_to_not_match_like_pattern": _MAP(
        "column_values.not_match_like_pattern", alone=True, needs="text", args=_LIKE
    ),
    "expect_column_values_to_match_like_pattern_list": _MAP(
        "column_values.match_like_pattern_list", alone=True, needs="text", args={**_LIKES, "match_on": _MATCH_ON}
    ),
    "expect_column_values_to_not_match_like_pattern_list": _MAP(
        "column_values.not_match_like_pattern_list", alone=True, needs="text", args=_LIKES
    ),
    "expect_column_value_lengths_to_be_between": _MAP(
        "column_values.value_length.between", alone=True, needs="text", one_bound=True, args=_BY_COUNT
    ),
    "expect_column_value_lengths_to_equal": _MAP(
        "column_values.value_length.equals", alone=True, needs="text", args={"value": Arg("whole", True)}
    ),
    "expect_column_pair_values_to_be_equal": _PAIR("column_pair_values.equal", alone=True),
    "expect_column_pair_values_a_to_be_greater_than_b": _PAIR(
        "column_pair_values.a_greater_than_b", alone=True, args={"or_equal": _FLAG}
    ),
    "expect_column_pair_values_to_be_in_set": _PAIR(
        "column_pair_values.in_set", alone=True, args={"value_pairs_set": Arg("pairs", True)}
    ),
    "expect_multicolumn_sum_to_equal": _COLUMNS(
        "multicolumn_sum.equal", alone=True, needs="number", args={"sum_total": Arg("number", True)}
    ),
    "expect_multicolumn_values_to_be_equal": _COLUMNS("multicolumn_values.equal", alone=True),
    "expect_select_column_values_to_be_unique_within_record": _COLUMNS(
        "select_column_values.unique.within_record", alone=True
    ),
    # a row among the others
    "expect_column_values_to_be_unique": _MAP("column_values.unique"),
    "expect_compound_columns_to_be_unique": _COLUMNS("compound_columns.unique"),
    "expect_column_values_to_be_increasing": _MAP(
        "column_values.increasing", needs="ordered", args={"strictly": _FLAG}
    ),
    "expect_column_values_to_be_decreasing": _MAP(
        "column_values.decreasing", needs="ordered", args={"strictly": _FLAG}
    ),
    "expect_column_value_z_scores_to_be_less_than": _MAP(
        "column_values.z_score.under_threshold",
        needs="number",
        args={"threshold": Arg("number", True), "double_sided": Arg("flag", True)},
    ),
    "expect_column_values_to_not_be_outliers": _MAP(
        "column_values.not_outliers",
        needs="number",
        args={"method": Arg("choice", choices=("iqr", "std")), "multiplier": Arg("number")},
    ),
    # a column as a whole
    "expect_column_min_to_be_between": _AGGREGATE(needs="ordered", one_bound=True, args=_BY_VALUE),
    "expect_column_max_to_be_between": _AGGREGATE(needs="ordered", one_bound=True, args=_BY_VALUE),
    "expect_column_mean_to_be_between": _AGGREGATE(needs="number", one_bound=True, args=_BY_NUMBER),
    "expect_column_median_to_be_between": _AGGREGATE(needs="number", one_bound=True, args=_BY_NUMBER),
    "expect_column_stdev_to_be_between": _AGGREGATE(needs="number", one_bound=True, args=_BY_NUMBER),
    "expect_column_sum_to_be_between": _AGGREGATE(needs="number", one_bound=True, args=_BY_NUMBER),
    "expect_column_unique_value_count_to_be_between": _AGGREGATE(one_bound=True, args=_BY_COUNT),
    "expect_column_proportion_of_unique_values_to_be_between": _AGGREGATE(one_bound=True, args=_BY_NUMBER),
    "expect_column_proportion_of_non_null_values_to_be_between": _AGGREGATE(one_bound=True, args=_BY_NUMBER),
    "expect_column_distinct_values_to_be_in_set": _AGGREGATE(needs="scalar", args={"value_set": _VALUES}),
    "expect_column_distinct_values_to_contain_set": _AGGREGATE(needs="scalar", args={"value_set": _VALUES}),
    "expect_column_distinct_values_to_equal_set": _AGGREGATE(needs="scalar", args={"value_set": _VALUES}),
    "expect_column_most_common_value_to_be_in_set": _AGGREGATE(
        needs="scalar", args={"value_set": _VALUES, "ties_okay": _FLAG}
    ),
    "expect_column_to_exist": _TABLE(args={"column": Arg("column", True), "column_index": _WHOLE}),
    "expect_column_type_to_be": _TABLE(args={"column": Arg("column", True), "type_": Arg("type", True)}),
    "expect_column_values_to_be_of_type": _TABLE(args={"column": Arg("column", True), "type_": Arg("type", True)}),
    "expect_column_values_to_be_in_type_list": _TABLE(
        args={"column": Arg("column", True), "type_list": Arg("types", True)}
    ),
    # the table
    "expect_table_row_count_to_be_between": _TABLE(one_bound=True, args={"row_condition": _CONDITION, **_BY_COUNT}),
    "expect_table_row_count_to_equal": _TABLE(args={"row_condition": _CONDITION, "value": Arg("whole", True)}),
    "expect_table_column_count_to_be_between": _TABLE(one_bound=True, args={"min_value": _WHOLE, "max_value": _WHOLE}),
    "expect_table_column_count_to_equal": _TABLE(args={"value": Arg("whole", True)}),
    "expect_table_columns_to_match_set": _TABLE(args={"column_set": Arg("names", True), "exact_match": _FLAG}),
    "expect_table_columns_to_match_ordered_list": _TABLE(args={"column_list": Arg("names", True)}),
}

UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")

# Great Expectations has these too. They need SQL, another table or a Python call per value, or crash in 1.24
# (quantiles: a NumPy boolean that JSON refuses); saying so beats "unknown".
UNSUPPORTED = {
    "expect_column_kl_divergence_to_be_less_than": "it needs a partition object",
    "expect_column_quantile_values_to_be_between": "Great Expectations itself fails on it; use the median",
    "expect_column_values_to_be_dateutil_parseable": "give the column the type date or timestamp",
    "expect_column_values_to_be_json_parseable": "give the column the type json",
    "expect_column_values_to_match_json_schema": "it calls Python for each value",
    "expect_column_values_to_match_strftime_format": "give the column the type date or timestamp and a format",
    "expect_query_results_to_match_comparison": "it needs SQL",
    "expect_table_row_count_to_equal_other_table": "use reconcile",
    "unexpected_rows_expectation": "it needs SQL",
}


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing."""
    near = get_close_matches(str(word), list(known), 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
