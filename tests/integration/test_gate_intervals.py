"""Many intervals in one look have the verdicts they have alone, and those that Great Expectations' own run gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from sluice.model.facts import Check
from sluice.quality import gate
from sluice.quality.checks import GateCheck
from sluice.quality.vocabulary import EXPECTATIONS

few = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)

SCHEMA = {
    "x": pl.Int64(), "y": pl.Int64(), "money": pl.Decimal(38, 2), "ratio": pl.Float64(), "s": pl.String(),
    "day": pl.Date(), "at": pl.Datetime("us"), "tags": pl.List(pl.String()), "flag": pl.Boolean(),
}  # fmt: skip
NORTH = {"type": "comparison", "column": {"name": "s"}, "operator": "==", "parameter": "north"}
DEAR = {"type": "comparison", "column": {"name": "money"}, "operator": ">", "parameter": 1}
KNOWN = {"type": "nullity", "column": {"name": "x"}, "is_null": False}

ASKED: list[tuple[str, dict[str, Any]]] = [
    ("expect_table_row_count_to_be_between", {"min_value": 2}),
    ("expect_table_row_count_to_equal", {"value": 1, "row_condition": NORTH}),
    ("expect_table_columns_to_match_set", {"column_set": [*SCHEMA], "exact_match": True}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": [*SCHEMA]}),
    ("expect_table_column_count_to_equal", {"value": len(SCHEMA)}),
    ("expect_table_column_count_to_be_between", {"max_value": 3}),
    ("expect_column_to_exist", {"column": "x", "column_index": 0}),
    ("expect_column_type_to_be", {"column": "money", "type_": "decimal(38,2)"}),
    ("expect_column_values_to_be_of_type", {"column": "x", "type_": "string"}),
    ("expect_column_values_to_be_in_type_list", {"column": "x", "type_list": ["int64", "string"]}),
    ("expect_column_values_to_not_be_null", {"column": "x"}),
    ("expect_column_values_to_not_be_null", {"column": "s", "mostly": 0.5}),
    ("expect_column_values_to_be_null", {"column": "y"}),
    ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["north", "south"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "x", "value_set": [1, 3]}),
    ("expect_column_values_to_be_between", {"column": "money", "min_value": "0.10", "row_condition": NORTH}),
    ("expect_column_values_to_be_between", {"column": "ratio", "min_value": 0, "max_value": 1}),
    ("expect_column_values_to_be_between", {"column": "at", "max_value": "2026-05-01T12:00:00"}),
    ("expect_column_values_to_match_regex", {"column": "s", "regex": "^n"}),
    ("expect_column_values_to_not_match_regex", {"column": "s", "regex": "th$"}),
    ("expect_column_values_to_match_regex_list", {"column": "s", "regex_list": ["n", "s"], "match_on": "all"}),
    ("expect_column_values_to_not_match_regex_list", {"column": "s", "regex_list": ["x", "^$"]}),
    ("expect_column_values_to_match_like_pattern", {"column": "s", "like_pattern": "%th"}),
    ("expect_column_values_to_not_match_like_pattern", {"column": "s", "like_pattern": "_"}),
    ("expect_column_values_to_match_like_pattern_list", {"column": "s", "like_pattern_list": ["n%", "%x"]}),
    ("expect_column_values_to_not_match_like_pattern_list", {"column": "s", "like_pattern_list": ["n%"]}),
    ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 1, "max_value": 4}),
    ("expect_column_value_lengths_to_equal", {"column": "s", "value": 5}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "x", "column_B": "y"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "x", "column_B": "y", "or_equal": True}),
    ("expect_column_pair_values_to_be_in_set",
     {"column_A": "x", "column_B": "s", "value_pairs_set": [[1, "north"], [2, None]], "ignore_row_if": "neither"}),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["x", "y"], "sum_total": 3}),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["x", "y"], "ignore_row_if": "any_value_is_missing"}),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["x", "y"]}),
    ("expect_column_values_to_be_unique", {"column": "x"}),
    ("expect_column_values_to_be_unique", {"column": "ratio"}),
    ("expect_column_values_to_be_unique", {"column": "money", "row_condition": NORTH}),
    ("expect_column_values_to_be_unique", {"column": "s", "mostly": 0.3}),
    ("expect_column_values_to_be_unique", {"column": "day"}),
    ("expect_column_values_to_be_unique", {"column": "tags"}),
    ("expect_column_values_to_be_unique", {"column": "flag"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["x", "s"], "ignore_row_if": "never"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["money", "ratio"]}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["at", "day"], "ignore_row_if": "any_value_is_missing"}),
    ("expect_column_values_to_be_increasing", {"column": "x"}),
    ("expect_column_values_to_be_decreasing", {"column": "at", "strictly": True}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "x", "threshold": 1, "double_sided": True}),
    ("expect_column_values_to_not_be_outliers", {"column": "x", "method": "iqr", "multiplier": 1.5}),
    ("expect_column_values_to_not_be_outliers", {"column": "money", "method": "std", "multiplier": 1.0}),
    ("expect_column_min_to_be_between", {"column": "money", "min_value": "0.10", "row_condition": DEAR}),
    ("expect_column_max_to_be_between", {"column": "day", "max_value": "2026-05-02"}),
    ("expect_column_mean_to_be_between", {"column": "money", "max_value": 2}),
    ("expect_column_median_to_be_between", {"column": "x", "min_value": 1, "row_condition": KNOWN}),
    ("expect_column_stdev_to_be_between", {"column": "x", "max_value": 1}),
    ("expect_column_sum_to_be_between", {"column": "x", "min_value": 3}),
    ("expect_column_unique_value_count_to_be_between", {"column": "s", "max_value": 2}),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "x", "min_value": 1}),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "x", "min_value": 1}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["north"]}),
    ("expect_column_distinct_values_to_contain_set", {"column": "x", "value_set": [1, 2, 3]}),
    ("expect_column_distinct_values_to_equal_set", {"column": "x", "value_set": [1, 2]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "s", "value_set": ["north"], "ties_okay": True}),
    # what cannot be judged: a column that is not there, a sum of text, a sum that only the data shows to be too large
    ("expect_column_values_to_not_be_null", {"column": "gone"}),
    ("expect_column_sum_to_be_between", {"column": "s", "min_value": 1}),
    ("expect_column_sum_to_be_between", {"column": "money", "min_value": 1}),
]  # fmt: skip
CHECKS = [
    GateCheck(f"{n} {expect}", ("critical", "warning", "info")[n % 3], {"type": expect, "kwargs": kwargs})
    for n, (expect, kwargs) in enumerate(ASKED)
]
COLUMNS = [*SCHEMA, "gone"]
LABELS = ["2026-05-01", "2026-05-02", "2026-05-03", "2026-05-04"]

_row = st.fixed_dictionaries(
    {
        "_interval": st.sampled_from(LABELS[:3]),  # nothing ever happened on the fourth day
        "x": st.sampled_from([None, 1, 1, 2, 2**53, 2**53 + 1]),
        "y": st.sampled_from([None, None, 1, 2]),
        "money": st.sampled_from([None, "0.09", "0.10", "1.50", "9" * 36]).map(lambda v: v and Decimal(v)),
        "ratio": st.sampled_from([None, 0.0, -0.0, 0.5, math.nan, math.inf]),
        "s": st.sampled_from([None, "", "north", "south", "日本"]),
        "day": st.sampled_from([None, date(2026, 5, 1), date(2026, 5, 3)]),
        "at": st.sampled_from([None, datetime(2026, 5, 1, 8), datetime(2026, 5, 1, 20)]),
        "tags": st.sampled_from([None, [], ["a"], [None]]),
        "flag": st.sampled_from([None, True, False]),
    }
)


def frame(rows: Sequence[dict[str, Any]]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema={"_interval": pl.String(), **SCHEMA})


def each_alone(rows: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    return {label: rows.filter(pl.col("_interval") == label).drop("_interval") for label in LABELS}


def comparable(checks: Sequence[Check]) -> list[Any]:
    """Twelve digits of a float: the last ones of a standard deviation go by how Polars has cut the rows into chunks."""

    def shown(value: Any) -> str:
        return f"{value:.12g}" if isinstance(value, float) else repr(value)

    return [replace(each, observed=shown(each.observed)).as_dict() for each in checks]


def by_great_expectations(rows: pl.LazyFrame) -> list[Check]:
    """Its own validator, with its graph of metrics and its copies, over one candidate."""
    import great_expectations as gx

    suite = gate._suite(CHECKS, COLUMNS)
    from sluice.quality import engine_datasource  # noqa: F401  (registers add_polars)

    name = uuid4().hex
    asset = gx.get_context(mode="ephemeral").data_sources.add_polars(name).add_frame_asset(name)
    batch = asset.add_whole_frame(name).get_batch({"dataframe": rows})
    format_ = {"result_format": "BASIC", "partial_unexpected_count": gate.SAMPLES}
    found = batch.validate(gx.ExpectationSuite(name=name, expectations=suite), result_format=format_)
    results = {each.expectation_config.meta["id"]: each for each in found.results}
    return [gate._check(check, results[check.id]) for check in CHECKS]


def test_every_expectation_of_the_vocabulary_is_asked_here() -> None:
    """A new one must not reach a backfill without being compared."""
    assert {expect for expect, _ in ASKED} == set(EXPECTATIONS)


@few
@given(st.lists(_row, max_size=14))
@example([])
@example([{**dict.fromkeys(SCHEMA), "_interval": LABELS[1], "x": 3, "money": Decimal("0.09")}] * 3)
def test_intervals_audited_together_have_the_verdicts_they_have_alone(rows: list[dict[str, Any]]) -> None:
    """A neighbour's duplicates, nulls, bounds or errors must not reach an interval's verdict, samples or figures."""
    together = gate.audit_parts(frame(rows), "_interval", LABELS, CHECKS, columns=COLUMNS)
    alone = gate.audit(each_alone(frame(rows)), CHECKS, columns=COLUMNS)
    assert list(together) == LABELS
    for label in LABELS:
        for one, other in zip(comparable(together[label]), comparable(alone[label]), strict=True):
            assert one == other


@few
@given(st.lists(_row.map(lambda row: {**row, "_interval": LABELS[0]}), max_size=12))
@example([])
def test_the_verdict_is_the_one_that_great_expectations_own_run_gives(rows: list[dict[str, Any]]) -> None:
    """Its bookkeeping is left out, and nothing else: outcome, counts, samples, observed values and errors are equal."""
    candidate = each_alone(frame(rows))[LABELS[0]]
    mine = gate.audit({"d": candidate}, CHECKS, columns=COLUMNS)["d"]
    for one, other in zip(comparable(mine), comparable(by_great_expectations(candidate)), strict=True):
        assert one == other


def test_an_overflow_in_one_interval_fails_that_interval_only() -> None:
    """A sum that breaks the whole query is asked again, interval by interval."""
    rows = {"_interval": [LABELS[0], LABELS[0], LABELS[1]], "money": [Decimal("9" * 38)] * 2 + [Decimal(1)]}
    broken = pl.LazyFrame(rows, schema={"_interval": pl.String(), "money": pl.Decimal(38, 0)})
    asked = {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "money", "min_value": 1}}
    check = GateCheck("sum", "critical", asked)
    found = gate.audit_parts(broken, "_interval", LABELS[:2], [check], columns=["money"])
    assert "overflow" in str(found[LABELS[0]][0].error)
    assert (found[LABELS[1]][0].success, found[LABELS[1]][0].observed) == (True, "1")


def test_a_storage_that_breaks_during_the_look_passes_no_interval(tmp_path: Path) -> None:
    """A file that vanished gives failures: never a success, and never an interval without a verdict."""
    parts = []
    for label in LABELS[:3]:
        pl.DataFrame({"x": [1]}).write_parquet(tmp_path / f"{label}.parquet")
        parts.append(pl.scan_parquet(tmp_path / f"{label}.parquet").with_columns(pl.lit(label).alias("_interval")))
    together = pl.concat(parts)
    together.collect_schema()
    (tmp_path / f"{LABELS[1]}.parquet").unlink()
    check = GateCheck("u", "critical", {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "x"}})
    found = gate.audit_parts(together, "_interval", LABELS[:3], [check], columns=["x"])
    assert [(each.success, bool(each.error)) for (each,) in found.values()] == [(False, True)] * 3
