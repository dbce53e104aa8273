"""Our engine against Great Expectations' own pandas engine, wherever that is exact: floats and text."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sluice.quality.checks import GateCheck
from sluice.quality.gate import audit

# Without shrinking: each try is an audit or more, and a failing example of a dozen rows is read as it is.
few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)

PANDAS_EXACT = [
    ("expect_column_values_to_not_be_null", {"column": "x"}),
    ("expect_column_values_to_be_null", {"column": "x"}),
    ("expect_column_values_to_be_unique", {"column": "x"}),
    ("expect_column_values_to_be_in_set", {"column": "x", "value_set": [0.0, 0.1, 3.0]}),
    ("expect_column_values_to_not_be_in_set", {"column": "x", "value_set": [0.1]}),
    ("expect_column_values_to_be_between", {"column": "x", "min_value": 0.1, "max_value": 3}),
    ("expect_column_values_to_be_between", {"column": "x", "min_value": 0.1, "strict_min": True}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "x", "threshold": 1, "double_sided": True}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "x", "threshold": 1, "double_sided": False}),
    ("expect_column_values_to_not_be_outliers", {"column": "x", "method": "iqr", "multiplier": 1.5}),
    ("expect_column_values_to_not_be_outliers", {"column": "x", "method": "std", "multiplier": 1.0}),
    ("expect_column_values_to_be_increasing", {"column": "x"}),
    ("expect_column_values_to_be_decreasing", {"column": "x", "strictly": True}),
    ("expect_column_values_to_match_regex", {"column": "s", "regex": "^[a-c]+$"}),
    ("expect_column_values_to_not_match_regex", {"column": "s", "regex": "b"}),
    ("expect_column_values_to_match_regex_list", {"column": "s", "regex_list": ["a", "b"], "match_on": "all"}),
    ("expect_column_values_to_not_match_regex_list", {"column": "s", "regex_list": ["ab", "c"]}),
    ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 1, "max_value": 2}),
    ("expect_column_value_lengths_to_equal", {"column": "s", "value": 2}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "x", "column_B": "y"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "x", "column_B": "y"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "x", "column_B": "y", "or_equal": True}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["x", "y"]}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["x", "y"], "ignore_row_if": "never"}),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["x", "y"], "sum_total": 3}),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["x", "y"]}),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["x", "y"]}),
    ("expect_column_min_to_be_between", {"column": "x", "min_value": 0}),
    ("expect_column_max_to_be_between", {"column": "x", "max_value": 3}),
    ("expect_column_mean_to_be_between", {"column": "x", "min_value": 1}),
    ("expect_column_median_to_be_between", {"column": "x", "min_value": 1}),
    ("expect_column_stdev_to_be_between", {"column": "x", "max_value": 2}),
    ("expect_column_sum_to_be_between", {"column": "x", "min_value": 3}),
    ("expect_column_unique_value_count_to_be_between", {"column": "x", "max_value": 2}),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "x", "min_value": 1}),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "x", "min_value": 1}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "x", "value_set": [0.0, 0.1, 3.0]}),
    ("expect_column_distinct_values_to_contain_set", {"column": "x", "value_set": [0.0, 3.0]}),
    ("expect_column_distinct_values_to_equal_set", {"column": "x", "value_set": [0.0, 3.0]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "x", "value_set": [0.1], "ties_okay": True}),
    ("expect_table_row_count_to_be_between", {"min_value": 3}),
    ("expect_table_columns_to_match_set", {"column_set": ["x", "y", "s"], "exact_match": True}),
]


@pytest.fixture(scope="module")
def by_pandas() -> Callable[[pl.DataFrame, list[GateCheck]], dict[str, tuple[bool, int]]]:
    """Great Expectations' own pandas engine, for the same checks."""
    import great_expectations as gx
    import pandas as pd
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = gx.get_context(mode="ephemeral")
    batches = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")

    def judge(rows: pl.DataFrame, checks: list[GateCheck]) -> dict[str, tuple[bool, int]]:
        plain = pd.DataFrame({name: pd.Series(rows[name].to_list(), dtype=None) for name in rows.columns})
        for name in ("x", "y"):
            plain[name] = plain[name].astype("float64")
        plain["s"] = plain["s"].astype("object").where(plain["s"].notna(), None)
        batch = batches.get_batch(batch_parameters={"dataframe": plain})
        found = {}
        for check in checks:
            one = ExpectationConfiguration(**check.expectation).to_domain_obj()
            result = batch.validate(one, result_format="BASIC")
            assert not result.exception_info.get("raised_exception"), result.exception_info
            found[check.id] = (bool(result.success), int(result.result.get("unexpected_count") or 0))
        return found

    return judge


@few
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 0.1, 1.5, 3.0, 100.0])),
            st.one_of(st.none(), st.sampled_from([0.0, 0.1, 1.5, 3.0])),
            st.one_of(st.none(), st.sampled_from(["", "a", "ab", "abc", "d", "日本"])),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_our_engine_agrees_with_the_pandas_engine_where_that_is_exact(by_pandas, values):
    """Great Expectations' own reading of its vocabulary is the reference: floats and text lose nothing in pandas."""
    rows = pl.DataFrame(values, schema={"x": pl.Float64, "y": pl.Float64, "s": pl.String}, orient="row")
    checks = [
        GateCheck(f"{n} {expect}", "critical", {"type": expect, "kwargs": kwargs}, derived=True)
        for n, (expect, kwargs) in enumerate(PANDAS_EXACT)
    ]
    mine = {each.id: each for each in audit({"d": rows.lazy()}, checks, columns=rows.columns)["d"]}
    assert [each.error for each in mine.values() if each.error] == []
    theirs = by_pandas(rows, checks)
    assert {id_: (each.success, each.unexpected) for id_, each in mine.items()} == theirs
