"""The gate on real candidates: what it must refuse, what it must not mix up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sluice.errors import Misconfigured
from sluice.model.facts import Check
from sluice.quality.checks import GateCheck, product_checks
from sluice.quality.gate import audit, row_counts
from sluice.quality.verdict import judge
from tests.support.quality import ROWS, product

COLUMNS = {
    "region": {"type": "string", "nullable": False, "one_of": ["north", "south"]},
    "revenue": {"type": "decimal(18,2)", "min": 0},
    "orders": {"type": "int64"},
}
SCHEMA = {
    "sold_on": pl.Date(), "region": pl.String(), "revenue": pl.Decimal(18, 2), "orders": pl.Int64(),
}  # fmt: skip


def day(**values: list[Any]) -> pl.LazyFrame:
    size = len(next(iter(values.values())))
    good: dict[str, list[Any]] = {
        "sold_on": [date(2026, 5, 1) + timedelta(days=n) for n in range(size)],
        "region": ["north"] * size,
        "revenue": [Decimal("1.50")] * size,
        "orders": list(range(size)),
    }
    return pl.LazyFrame({**good, **values}, schema=SCHEMA)


def gate(*rules: dict[str, Any], frame: pl.LazyFrame, **more: Any) -> dict[str, Check]:
    checks = product_checks(product({**COLUMNS, **more}, list(rules) or [ROWS]))
    return {check.id: check for check in audit({"d": frame}, checks, columns=SCHEMA)["d"]}


def failed(checks: dict[str, Check]) -> set[str]:
    return {id_ for id_, check in checks.items() if not check.success}


def one(expect: str, frame: pl.LazyFrame, **kwargs: Any) -> Check:
    check = GateCheck("X", "critical", {"type": expect, "kwargs": kwargs})
    return audit({"d": frame}, [check], columns=frame.collect_schema())["d"][0]


def test_a_sound_candidate_passes_every_check():
    """A gate that refuses good days is switched off within a week."""
    checks = gate(frame=day(orders=[1, 2, 3]))
    assert failed(checks) == set()
    assert {"columns", "type:revenue", "null:sold_on", "one_of:region", "range:revenue", "unique:key", "G1"} <= set(
        checks
    )
    assert judge(list(checks.values())).outcome == "passed"


def test_a_bad_candidate_says_what_was_found_where_and_how_often():
    """The alert must answer what is wrong without anybody opening the data."""
    frame = day(revenue=[Decimal("-0.01"), None, Decimal("3.00")], region=["west", None, "north"])
    checks = gate(frame=frame)
    assert failed(checks) == {"range:revenue", "one_of:region", "null:region"}
    found = checks["range:revenue"]
    assert (found.unexpected, found.samples, found.observed) == (1, ("-0.01",), "1 of 3 rows")
    assert found.limit == "revenue at least 0"
    assert checks["null:region"].samples == (None,)


def test_at_most_twenty_samples_are_kept_and_all_are_counted():
    """Verdicts live in commit metadata: they must stay small, whatever the day."""
    found = gate(frame=day(revenue=[Decimal(-n) for n in range(1, 101)]))["range:revenue"]
    assert (found.unexpected, len(found.samples)) == (100, 20)


def test_an_empty_candidate_is_refused_unless_the_contract_allows_it():
    """Nearly every expectation holds for no rows: an empty file once passed a gate of forty rules."""
    unbounded = {"id": "G1", "expect": "expect_column_values_to_be_unique", "with": {"column": "orders"}}
    assert failed(gate(unbounded, frame=day(orders=[]))) == {"rows"}
    warned = {**ROWS, "severity": "warning"}
    assert failed(gate(warned, frame=day(orders=[]))) == {"rows", "G1"}
    assert failed(gate({**ROWS, "with": {"min_value": 0}}, frame=day(orders=[]))) == set()


def test_a_gate_rule_over_a_column_without_values_has_failed():
    """Great Expectations calls it a success when there was nothing to judge."""
    rule = {"id": "G2", "expect": "expect_column_values_to_be_between", "with": {"column": "orders", "min_value": 0}}
    found = gate(rule, frame=day(orders=[None, None]))["G2"]
    assert not found.success
    assert "nothing to judge" in found.observed


def test_a_missing_column_fails_closed_and_only_where_it_matters():
    """The one check that cannot be judged names the column; the others keep their own verdict."""
    checks = gate(frame=day(orders=[1]).drop("revenue"))
    assert failed(checks) == {"columns", "type:revenue", "range:revenue"}
    assert "there is no column 'revenue'" in str(checks["range:revenue"].error)
    assert checks["columns"].observed == {"missing": ["revenue"]}


def test_an_error_is_attributed_to_the_check_that_caused_it():
    """All metrics run in one query: one that cannot be computed must not take the others along, or lend its name."""
    frame = day(orders=[1, 2]).with_columns(pl.col("orders").cast(pl.String))
    rules = [
        {"id": "G1", "expect": "expect_column_sum_to_be_between", "with": {"column": "orders", "min_value": 1}},
        {"id": "G2", "expect": "expect_column_sum_to_be_between", "with": {"column": "revenue", "min_value": 3}},
        {"id": "G3", "expect": "expect_column_mean_to_be_between", "with": {"column": "revenue", "max_value": 1}},
    ]
    checks = gate(*rules, frame=frame)
    assert failed(checks) == {"type:orders", "G1", "G3"}
    assert checks["type:orders"].observed == "string"
    assert checks["G1"].error
    assert checks["G2"].observed == "3.00"
    assert checks["G3"].error is None


def test_an_error_that_only_the_data_shows_is_attributed_too():
    """A sum of 38-digit decimals overflows while it runs: the types were sound."""
    frame = pl.LazyFrame({"x": [Decimal("9" * 38)] * 2, "y": [1, 2]}, schema={"x": pl.Decimal(38, 0), "y": pl.Int64})
    kwargs: dict[str, Any] = {"min_value": 1}
    checks = [
        GateCheck(name, "critical", {"type": "expect_column_sum_to_be_between", "kwargs": {"column": name, **kwargs}})
        for name in ("x", "y")
    ]
    x, y = audit({"d": frame}, checks, columns=["x", "y"])["d"]
    assert "overflow" in str(x.error)
    assert y.success


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"expectation": {"type": "expect_column_values_to_be_unik", "kwargs": {}}}, "expect_column_values_to_be_unique"),
    ({"severity": "criticl"}, "did you mean 'critical'"),
    (
        {"expectation": {"type": "expect_column_values_to_be_unique", "kwargs": {"colum": "orders"}}},
        "did you mean 'column'",
    ),
    (
        {"expectation": {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "order"}}},
        "did you mean 'orders'",
    ),
    ({"expectation": {"type": "expect_column_values_to_be_unique", "kwargs": {}}}, "was not accepted"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_misspelt_check_stops_the_audit(change, said):
    """Great Expectations drops what it cannot parse from a suite, and what is left passes."""
    good = GateCheck(
        "A", "critical", {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "orders"}}
    )  # fmt: skip
    with pytest.raises(Misconfigured, match=said) as caught:
        audit({"d": day(orders=[1])}, [good, replace(good, id="B", **change)], columns=SCHEMA)
    assert caught.value.code == "catalog.invalid"


def test_an_empty_suite_stops_the_audit():
    """A suite without expectations succeeds in Great Expectations."""
    with pytest.raises(Misconfigured, match="no checks"):
        audit({"d": day(orders=[1])}, [], columns=SCHEMA)


def test_neighbouring_large_integers_are_different():
    """Through pandas, 2^53 and 2^53 + 1 become one float: a false alarm at night, and a bound that moved."""
    frame = pl.LazyFrame({"id": [2**53, 2**53 + 1, None]})
    assert one("expect_column_values_to_be_unique", frame, column="id").success
    assert one("expect_column_values_to_be_between", frame, column="id", max_value=2**53).unexpected == 1
    assert not one("expect_column_max_to_be_between", frame, column="id", max_value=2**53).success


def test_sums_of_integers_do_not_wrap_around():
    """Polars' own sum of int64 does, in silence: two huge amounts add up to minus two."""
    frame = pl.LazyFrame({"x": [2**63 - 1, 2**63 - 1]})
    assert one("expect_column_sum_to_be_between", frame, column="x", min_value=0).observed == 2**64 - 2


def test_bounds_of_aggregates_are_exact():
    """0.1 as a float is above 0.1: a minimum of exactly 0.10 would be refused."""
    checks = gate(
        {"id": "G1", "expect": "expect_column_min_to_be_between", "with": {"column": "revenue", "min_value": 0.1}},
        {"id": "G2", "expect": "expect_column_sum_to_be_between", "with": {"column": "revenue", "max_value": 0.3}},
        {"id": "G3", "expect": "expect_column_mean_to_be_between", "with": {"column": "revenue", "min_value": 0.15}},
        frame=day(revenue=[Decimal("0.10"), Decimal("0.20")]),
    )
    assert failed(checks) == set()


def test_row_conditions_limit_a_check_to_the_rows_they_name():
    """A rule for one region must not judge, or count, the others."""
    condition = {"type": "comparison", "column": {"name": "region"}, "operator": "==", "parameter": "north"}
    money = {"type": "comparison", "column": {"name": "revenue"}, "operator": "IN", "parameter": [1.5, 2]}
    rules = [
        {
            "id": "G1",
            "expect": "expect_column_values_to_be_between",
            "with": {"column": "orders", "max_value": 2, "row_condition": condition},
        },
        {
            "id": "G2",
            "expect": "expect_table_row_count_to_equal",
            "with": {"value": 1, "row_condition": {"type": "and", "conditions": [condition, money]}},
        },
    ]
    frame = day(orders=[1, 9, 9], region=["north", "south", "north"], revenue=[Decimal("1.50"), Decimal(2), Decimal(3)])
    checks = gate(*rules, frame=frame)
    assert (checks["G1"].unexpected, checks["G1"].observed) == (1, "1 of 2 rows")
    assert checks["G1"].limit == "orders at most 2, where region == north"
    assert checks["G2"].success


def test_each_interval_gets_its_own_verdict():
    """One backfill audits a year: a bad day must not colour its neighbours."""
    frames = {f"2026-05-{n:02}": day(revenue=[Decimal(n - 5)]) for n in range(1, 11)}
    frames["2026-05-11"] = day(orders=[])
    checks = product_checks(product(COLUMNS, [{**ROWS, "id": "G1"}]))
    verdicts = audit(frames, checks, columns=SCHEMA)
    assert {label for label, each in verdicts.items() if judge(each).outcome == "refused"} == {
        "2026-05-01", "2026-05-02", "2026-05-03", "2026-05-04", "2026-05-11",
    }  # fmt: skip
    assert row_counts(frames) == dict.fromkeys(frames, 1) | {"2026-05-11": 0}


def test_six_threads_at_once_get_their_own_answers():
    """One shared checkpoint in six threads gave silently wrong results in 22 of 30 runs."""

    def run(n: int) -> list[int]:
        frames = {f"{n}-{k}": day(revenue=[Decimal(-1)] * (n + k) + [Decimal(1)]) for k in range(3)}
        checks = product_checks(product({**COLUMNS, f"extra_{n}": {"type": "int64"}}, [ROWS]))
        columns = [*SCHEMA, f"extra_{n}"]
        framed = {label: frame.with_columns(pl.lit(n).alias(f"extra_{n}")) for label, frame in frames.items()}
        verdicts = audit(framed, checks, columns=columns)
        return [{check.id: check for check in each}["range:revenue"].unexpected for each in verdicts.values()]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(run, range(30))) == [[n, n + 1, n + 2] for n in range(30)]


def test_the_audit_reads_staged_files(tmp_path):
    """The gate audits the very files that are published, not a frame that was in memory before."""
    day(revenue=[Decimal(-1), Decimal(1)]).sink_parquet(tmp_path / "a.parquet")
    checks = product_checks(product(COLUMNS, [ROWS]))
    found = audit({"d": pl.scan_parquet(tmp_path / "*.parquet")}, checks, columns=SCHEMA)["d"]
    assert {check.id for check in found if not check.success} == {"range:revenue"}


def test_a_storage_that_breaks_during_the_audit_is_not_a_pass(tmp_path):
    """A file that vanished gives no verdict at all, or failures: never a success."""
    path = tmp_path / "a.parquet"
    day(revenue=[Decimal(1)]).sink_parquet(path)
    frame = pl.scan_parquet(path)
    frame.collect_schema()
    path.unlink()
    checks = product_checks(product(COLUMNS, [ROWS]))
    found = audit({"d": frame}, checks, columns=SCHEMA)["d"]
    assert judge(found).outcome == "refused"
    assert {check.error for check in found if check.id == "G1"} != {None}


@pytest.mark.parametrize(
    ("expect", "kwargs", "success", "observed"),
    [
        ("expect_column_median_to_be_between", {"min_value": 2, "max_value": 2}, True, 2.0),
        ("expect_column_stdev_to_be_between", {"max_value": 1}, True, 1.0),
        ("expect_column_unique_value_count_to_be_between", {"min_value": 4}, False, 3),
        ("expect_column_proportion_of_unique_values_to_be_between", {"min_value": 1}, True, 1.0),
        ("expect_column_proportion_of_non_null_values_to_be_between", {"min_value": 0.8}, False, 0.75),
        ("expect_column_distinct_values_to_be_in_set", {"value_set": [1, 2]}, False, "1 values outside the set"),
        ("expect_column_distinct_values_to_equal_set", {"value_set": [1, 2, 3]}, True, None),
        ("expect_column_distinct_values_to_contain_set", {"value_set": [1, 4]}, False, None),
        ("expect_column_most_common_value_to_be_in_set", {"value_set": [1], "ties_okay": True}, True, [1, 2, 3]),
        ("expect_column_values_to_be_of_type", {"type_": "int64"}, True, "int64"),
        ("expect_column_values_to_be_in_type_list", {"type_list": ["int32", "string"]}, False, "int64"),
        ("expect_column_to_exist", {}, True, None),
        ("expect_column_values_to_be_increasing", {"strictly": True}, True, "0 of 4 rows"),
        ("expect_column_values_to_be_decreasing", {}, False, "2 of 4 rows"),
    ],
)
def test_aggregates_and_orders_are_what_a_person_would_compute(expect, kwargs, success, observed):
    """The number shown beside the limit is the number people argue about."""
    found = one(expect, pl.LazyFrame({"x": [1, 2, None, 3]}), column="x", **kwargs)
    assert (found.success, found.error) == (success, None)
    if observed is not None:
        got = sorted(found.observed) if isinstance(found.observed, list) else found.observed
        assert got == observed


@pytest.mark.parametrize(
    ("expect", "kwargs", "success"),
    [
        ("expect_table_row_count_to_equal", {"value": 2}, True),
        ("expect_table_column_count_to_equal", {"value": 3}, False),
        ("expect_table_column_count_to_be_between", {"min_value": 1, "max_value": 2}, True),
        ("expect_table_columns_to_match_ordered_list", {"column_list": ["b", "a"]}, False),
        ("expect_table_columns_to_match_set", {"column_set": ["b", "a"], "exact_match": True}, True),
    ],
)
def test_tables_are_counted_and_named(expect, kwargs, success):
    """Shape is the first thing consumers rely on."""
    frame = pl.LazyFrame({"a": [1, 2], "b": [datetime(2026, 5, 1, tzinfo=UTC)] * 2})
    found = one(expect, frame, **kwargs)
    assert (found.success, found.error) == (success, None)
