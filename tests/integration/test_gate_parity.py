"""For every rule: the rows our mask calls bad, Great Expectations' count through our engine, and a third opinion.

The third is plain Python: pandas turns nullable integers into floats, and knows no LIKE. Where pandas is exact it is
the third opinion in `test_gate_pandas.py`.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sluice.model.columns import ColumnType
from sluice.quality import masks
from sluice.quality.checks import GateCheck
from sluice.quality.compiled import Table, read
from sluice.quality.gate import audit
from sluice.quality.vocabulary import EXPECTATIONS

# Without shrinking: each try is an audit or more, and a failing example of a dozen rows is read as it is.
few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)

TYPES = {
    "number": ColumnType.parse("int64"),
    "other": ColumnType.parse("int64"),
    "money": ColumnType.parse("decimal(12,2)"),
    "money2": ColumnType.parse("decimal(12,2)"),
    "ratio": ColumnType.parse("float64"),
    "text": ColumnType.parse("string"),
    "text2": ColumnType.parse("string"),
    "day": ColumnType.parse("date"),
    "at": ColumnType.parse("timestamp"),
}
TABLE = Table(TYPES, "Asia/Tashkent")

_instants = st.datetimes(datetime(2026, 4, 30, 17), datetime(2026, 5, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
_edge = datetime(2026, 4, 30, 19, tzinfo=UTC)  # midnight in Tashkent
_money = st.sampled_from(["-0.01", "0.00", "0.01", "0.09", "0.10", "0.11", "9999999999.99"]).map(Decimal)
_texts = st.sampled_from(["", "ABC", "abc", "ABC\n", "ÀÉÎ", "日本語", "a%c", "a_c", "axc", "🙂", "İ", "ABCD"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.sampled_from([-1, 0, 1, 2, 2**53, 2**53 + 1]),
    "other": st.sampled_from([-1, 0, 1, 2, 2**53, 2**53 + 1]),
    "money": _money,
    "money2": _money,
    "ratio": st.sampled_from([0.0, -0.0, 0.1, 0.3, 0.1 + 0.2, math.nan, math.inf, -math.inf]),
    "text": _texts,
    "text2": _texts,
    "day": st.dates(date(2026, 4, 29), date(2026, 5, 3)),
    "at": st.one_of(_instants, st.sampled_from([_edge, _edge - timedelta(microseconds=1)])),
}


def frames() -> st.SearchStrategy[pl.DataFrame]:
    row = st.tuples(*(st.one_of(st.none(), each) for each in VALUES.values()))
    schema = {name: TYPES[name].polars() for name in VALUES}
    return st.lists(row, min_size=1, max_size=12).map(lambda rows: pl.DataFrame(rows, schema=schema, orient="row"))


Row = dict[str, Any]
Opinion = Callable[[Row], bool]  # is this row unexpected?


def of(column: str, meets: Callable[[Any], bool]) -> Opinion:
    return lambda row: row[column] is not None and not meets(row[column])


def _like(pattern: str) -> Callable[[str], bool]:
    parts = {"%": ".*", "_": "."}
    return lambda value: re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), value, re.S) is not None


def pair(a: str, b: str, meets: Callable[[Any, Any], bool], ignore: str = "both") -> Opinion:
    def opinion(row: Row) -> bool:
        missing = [row[a] is None, row[b] is None]
        if (ignore == "both" and all(missing)) or (ignore == "either" and any(missing)):
            return False
        return any(missing) or not meets(row[a], row[b])

    return opinion


NOON = datetime(2026, 5, 1, tzinfo=UTC) - timedelta(hours=5)
CASES: list[tuple[str, dict[str, Any], Opinion]] = [
    ("expect_column_values_to_not_be_null", {"column": "money"}, lambda r: r["money"] is None),
    ("expect_column_values_to_be_null", {"column": "text"}, lambda r: r["text"] is not None),
    (
        "expect_column_values_to_be_in_set",
        {"column": "money", "value_set": [0.1, "0.01", 0]},
        of("money", lambda v: v in (Decimal("0.1"), Decimal("0.01"), Decimal(0))),
    ),
    (
        "expect_column_values_to_be_in_set",
        {"column": "number", "value_set": [2**53, 1]},
        of("number", lambda v: v in (2**53, 1)),
    ),
    (
        "expect_column_values_to_be_in_set",
        {"column": "day", "value_set": ["2026-05-01", date(2026, 5, 2)]},
        of("day", lambda v: v in (date(2026, 5, 1), date(2026, 5, 2))),
    ),
    (
        "expect_column_values_to_be_in_set",
        {"column": "at", "value_set": ["2026-05-01"]},
        of("at", lambda v: v == _edge),
    ),
    (
        "expect_column_values_to_be_in_set",
        {"column": "ratio", "value_set": [0, 0.3]},
        of("ratio", lambda v: v in (0.0, 0.3)),
    ),
    (
        "expect_column_values_to_not_be_in_set",
        {"column": "text", "value_set": ["ABC", "日本語"]},
        of("text", lambda v: v not in ("ABC", "日本語")),
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "number", "min_value": 0, "max_value": 2**53},
        of("number", lambda v: 0 <= v <= 2**53),
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "money", "min_value": 0.01, "max_value": "0.10", "strict_min": True},
        of("money", lambda v: Decimal("0.01") < v <= Decimal("0.10")),
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "ratio", "min_value": 0, "max_value": 0.3, "strict_max": True},
        of("ratio", lambda v: 0 <= v < 0.3),
    ),
    ("expect_column_values_to_be_between", {"column": "ratio", "min_value": 0}, of("ratio", lambda v: v >= 0)),
    (
        "expect_column_values_to_be_between",
        {"column": "day", "min_value": "2026-05-01"},
        of("day", lambda v: v >= date(2026, 5, 1)),
    ),
    ("expect_column_values_to_be_between", {"column": "at", "min_value": "2026-05-01"}, of("at", lambda v: v >= NOON)),
    (
        "expect_column_values_to_be_between",
        {"column": "at", "max_value": "2026-05-01T00:00:00+05:00", "strict_max": True},
        of("at", lambda v: v < NOON),
    ),
    ("expect_column_values_to_be_between", {"column": "text", "min_value": "ABC"}, of("text", lambda v: v >= "ABC")),
    (
        "expect_column_values_to_match_regex",
        {"column": "text", "regex": "^[A-Z]{3}$"},
        of("text", lambda v: re.search(r"^[A-Z]{3}\Z", v) is not None),  # Python's own $ forgives a final line feed
    ),
    (
        "expect_column_values_to_not_match_regex",
        {"column": "text", "regex": r"\w\w\w"},
        of("text", lambda v: re.search(r"\w\w\w", v) is None),
    ),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "text", "regex_list": ["^A", "c$"], "match_on": "any"},
        of("text", lambda v: v.startswith("A") or v.endswith("c")),
    ),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "text", "regex_list": ["^a", "c$"], "match_on": "all"},
        of("text", lambda v: v.startswith("a") and v.endswith("c")),
    ),
    (
        "expect_column_values_to_not_match_regex_list",
        {"column": "text", "regex_list": ["^A", "c$"]},
        of("text", lambda v: not (v.startswith("A") or v.endswith("c"))),
    ),
    ("expect_column_values_to_match_like_pattern", {"column": "text", "like_pattern": "A%"}, of("text", _like("A%"))),
    (
        "expect_column_values_to_match_like_pattern",
        {"column": "text", "like_pattern": "a!_c", "escape": "!"},
        of("text", lambda v: v == "a_c"),
    ),
    (
        "expect_column_values_to_not_match_like_pattern",
        {"column": "text", "like_pattern": "___"},
        of("text", lambda v: not _like("___")(v)),
    ),
    (
        "expect_column_values_to_match_like_pattern_list",
        {"column": "text", "like_pattern_list": ["a%", "%c"], "match_on": "all"},
        of("text", lambda v: fnmatch.fnmatchcase(v, "a*c")),
    ),
    (
        "expect_column_values_to_not_match_like_pattern_list",
        {"column": "text", "like_pattern_list": ["a%", "日%"]},
        of("text", lambda v: v[:1] not in ("a", "日")),
    ),
    (
        "expect_column_value_lengths_to_be_between",
        {"column": "text", "min_value": 1, "max_value": 3},
        of("text", lambda v: 1 <= len(v) <= 3),
    ),
    ("expect_column_value_lengths_to_equal", {"column": "text", "value": 3}, of("text", lambda v: len(v) == 3)),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "number", "column_B": "other"},
        pair("number", "other", lambda a, b: a == b),
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "money", "column_B": "money2", "or_equal": True, "ignore_row_if": "either_value_is_missing"},
        pair("money", "money2", lambda a, b: a >= b, "either"),
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "number", "column_B": "other", "ignore_row_if": "neither"},
        pair("number", "other", lambda a, b: a > b, "neither"),
    ),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "text", "column_B": "money", "value_pairs_set": [["ABC", 0.1], ["abc", None]]},
        lambda r: (r["text"], r["money"]) not in (("ABC", Decimal("0.1")), ("abc", None), (None, None)),
    ),
    (
        "expect_multicolumn_sum_to_equal",
        {"column_list": ["money", "money2"], "sum_total": "0.10"},
        pair("money", "money2", lambda a, b: a + b == Decimal("0.10")),
    ),
    (
        "expect_multicolumn_sum_to_equal",
        {"column_list": ["number", "other"], "sum_total": 2**53 + 1, "ignore_row_if": "any_value_is_missing"},
        pair("number", "other", lambda a, b: a + b == 2**53 + 1, "either"),
    ),
    (
        "expect_multicolumn_values_to_be_equal",
        {"column_list": ["text", "text2"], "ignore_row_if": "never"},
        lambda r: r["text"] != r["text2"],
    ),
    (
        "expect_select_column_values_to_be_unique_within_record",
        {"column_list": ["number", "other"], "ignore_row_if": "never"},
        lambda r: r["number"] == r["other"],
    ),
]


def ours(expect: str, given_args: dict[str, Any], rows: pl.DataFrame) -> tuple[list[bool], int]:
    """(our mask, the count of Great Expectations through our engine)."""
    reading = read(expect, given_args, TABLE)
    assert reading.problems == []
    metric = EXPECTATIONS[expect].metric
    assert metric is not None
    bad, _ = masks.bad_rows(metric, TABLE.operands(reading.names), reading.args)
    check = GateCheck("X", "critical", {"type": expect, "kwargs": reading.args}, derived=True)
    (found,) = audit({"d": rows.lazy()}, [check], columns=rows.columns)["d"]
    assert found.error is None
    assert found.success is (found.unexpected == 0)
    return rows.select(bad=bad).to_series().to_list(), found.unexpected


def test_every_rule_that_judges_rows_has_a_case_here():
    """A rule without a third opinion is a rule that nobody has checked."""
    assert {case[0] for case in CASES} == {name for name, spec in EXPECTATIONS.items() if spec.alone}


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda n: f"{n}-{CASES[n][0].removeprefix('expect_')}")
@few
@given(rows=frames())
def test_mask_engine_and_plain_python_agree_on_every_row(case, rows):
    """What is set aside at the source and what the gate counts must be the same rows, nulls and boundaries included."""
    expect, arguments, opinion = CASES[case]
    mask, count = ours(expect, arguments, rows)
    assert mask == [opinion(row) for row in rows.iter_rows(named=True)]
    assert count == sum(mask)


@few
@given(rows=frames())
def test_uniqueness_agrees_with_counting(rows):
    """Duplicates are found by value, not by what a float makes of it; missing values are none."""
    mask, count = ours("expect_column_values_to_be_unique", {"column": "number"}, rows)
    counted = Counter(rows["number"].to_list())
    assert mask == [value is not None and counted[value] > 1 for value in rows["number"]]
    assert count == sum(mask)
    both = {"column_list": ["number", "money"], "ignore_row_if": "any_value_is_missing"}
    mask, count = ours("expect_compound_columns_to_be_unique", both, rows)
    pairs = list(rows.select("number", "money").iter_rows())
    assert mask == [None not in each and pairs.count(each) > 1 for each in pairs]
    assert count == sum(mask)


@few
@given(values=st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=1, max_size=10), strictly=st.booleans())
def test_order_agrees_with_walking_the_values(values, strictly):
    """Missing values take no part in an order, and the first value has nothing before it."""
    rows = pl.DataFrame({"number": values}, schema={"number": pl.Int64})
    mask, count = ours("expect_column_values_to_be_increasing", {"column": "number", "strictly": strictly}, rows)
    expected, before = [], None
    for value in values:
        wrong = value is not None and before is not None and (value <= before if strictly else value < before)
        expected.append(wrong)
        before = before if value is None else value
    assert mask == expected
    assert count == sum(mask)
