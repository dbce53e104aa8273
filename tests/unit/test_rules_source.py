"""A source's contract becomes row rules, or says precisely why not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from sluice.quality.checks import problems
from sluice.quality.rules import broken, set_rules, source_rules, spelt
from tests.support.quality import source

COLUMNS = {
    "order_id": {"type": "int64"},
    "region": {"type": "string", "one_of": ["north", "south"], "nullable": False},
    "total": {"type": "decimal(12,2)", "min": 0, "max": 99.99},
    "weight": {"type": "float64"},
    "code": {"type": "string", "regex": "^[A-Z]{3}$"},
    "at": {"type": "timestamp"},
}


def reasons(frame: pl.DataFrame, *args: object, **kwargs: object) -> list[list[str]]:
    rules = source_rules(source(*args, **kwargs))  # type: ignore[arg-type]
    marks = broken(frame, rules)
    return spelt(frame.hstack(marks), marks.columns).to_list()


def frame(**values: list[object]) -> pl.DataFrame:
    types = {name: each.parsed.polars() for name, each in source(COLUMNS).columns.items()}
    size = len(next(iter(values.values())))
    good = {
        "order_id": 1, "region": "north", "total": Decimal("1.00"), "weight": 1.0, "code": "ABC",
        "at": datetime(2026, 5, 1, tzinfo=UTC),
    }  # fmt: skip
    return pl.DataFrame({name: values.get(name, [good[name]] * size) for name in types}, schema=types)


def test_columns_imply_rules_with_telling_ids():
    """On call reads the id in quarantine: it must say which declaration a row broke."""
    ids = [rule.id for rule in source_rules(source(COLUMNS, key=["order_id"]))]
    assert ids == ["null:order_id", "null:region", "one_of:region", "range:total", "nan:weight", "regex:code"]


def test_a_row_lists_every_rule_it_breaks_in_the_rules_order():
    """One pass must tell everything that is wrong with a row, or mending takes as many rounds as it has faults."""
    rows = frame(region=["north", None, "west"], total=[Decimal("99.99"), Decimal("-0.01"), Decimal("100.00")])
    assert reasons(rows, COLUMNS) == [[], ["null:region", "range:total"], ["one_of:region", "range:total"]]


def test_nan_and_infinities_are_always_bad_and_null_is_not():
    """Polars puts NaN above every number, so a minimum alone lets it through, and one NaN spoils every sum."""
    rows = frame(weight=[float("nan"), float("inf"), float("-inf"), None, 1.7e308])
    assert reasons(rows, COLUMNS) == [["nan:weight"], ["nan:weight"], ["nan:weight"], [], []]


def test_more_than_63_rules_are_all_heard():
    """Broken rules travel as bits of an integer: the 64th must not fall off."""
    columns = {f"c{n}": {"type": "int64", "nullable": False} for n in range(130)}
    rows = pl.DataFrame({name: [1, None] for name in columns}, schema=dict.fromkeys(columns, pl.Int64))
    assert reasons(rows, columns) == [[], [f"null:c{n}" for n in range(130)]]


def test_rules_that_nothing_breaks_are_not_spoken_of():
    """Most days are clean: reasons are spelt for the rows that have some, and cost nothing where there are none."""
    rules = source_rules(source(COLUMNS))
    for rows, asked in ((frame(order_id=[]), rules), (frame(order_id=[1]), rules), (frame(order_id=[1]), ())):
        assert broken(rows, asked).width == 0
    assert broken(frame(total=[Decimal("-1"), Decimal("1")]), rules).to_dict(as_series=False) == {
        "range:total": [True, False]
    }


def test_decimal_bounds_are_exact_however_they_are_written():
    """0.1 as a float is not 0.1: a bound that moved by a rounding is another rule."""
    rows = pl.DataFrame({"x": [Decimal("0.09"), Decimal("0.10"), Decimal("0.11")]}, schema={"x": pl.Decimal(12, 2)})
    for written in (0.1, "0.1", "0.10"):
        assert reasons(rows, {"x": {"type": "decimal(12,2)", "min": written, "max": written}}) == [
            ["range:x"], [], ["range:x"],
        ]  # fmt: skip


def test_38_digits_survive():
    """Python's decimal context rounds to 28 digits unless told otherwise."""
    big = "9" * 36 + ".99"
    rows = pl.DataFrame({"x": [Decimal(big), Decimal("9" * 36 + ".98")]}, schema={"x": pl.Decimal(38, 2)})
    assert reasons(rows, {"x": {"type": "decimal(38,2)", "min": big}}) == [[], ["range:x"]]


def test_bounds_of_timestamps_are_meant_in_the_contracts_zone():
    """Midnight in Tashkent is five hours before midnight in UTC: rows of those hours belong to the other day."""
    rows = pl.DataFrame(
        {"at": [datetime(2026, 4, 30, 18, 59, 59, 999999, UTC), datetime(2026, 4, 30, 19, tzinfo=UTC)]},
        schema={"at": pl.Datetime("us", "UTC")},
    )
    for written in ("2026-05-01", date(2026, 5, 1), "2026-05-01T00:00:00+05:00"):
        columns = {"at": {"type": "timestamp", "min": written}}
        assert reasons(rows, columns, timezone="Asia/Tashkent") == [["range:at"], []]


def test_masks_are_never_null():
    """A null in a mask makes a row neither good nor bad: it would leave the lake by both doors."""
    rules = source_rules(source(COLUMNS, key=["order_id"]))
    empty = frame(**{name: [None] for name in COLUMNS})
    found = empty.select(rule.bad.alias(rule.id) for rule in rules).row(0, named=True)
    assert None not in found.values()
    assert {id_ for id_, bad in found.items() if bad} == {"null:order_id", "null:region"}


@pytest.mark.parametrize(
    ("rule", "said", "path"),
    [
        ({"expect": "expect_column_values_to_match_regexp", "with": {}}, "did you mean", "expect"),
        ({"expect": "expect_column_values_to_be_in_set", "with": {"colum": "code"}}, "did you mean 'column'", "colum"),
        (
            {"expect": "expect_column_values_to_not_be_null", "with": {"column": "cod"}},
            "no column 'cod'; did you mean 'code'", "column",
        ),
        (
            {"expect": "expect_column_values_to_match_regex", "with": {"column": "code", "regex": "(?=x)"}},
            "look-ahead", "regex",
        ),
        (
            {
                "expect": "expect_column_values_to_be_between",
                "with": {"column": "total", "min_value": 2, "max_value": 1},
            },
            "min_value 2 is above max_value 1", "min_value",
        ),
        (
            {"expect": "expect_column_values_to_be_between", "with": {"column": "total", "min_value": "0.001"}},
            "does not fit decimal(12,2)", "min_value",
        ),
        (
            {"expect": "expect_column_values_to_be_in_set", "with": {"column": "region", "value_set": [True]}},
            "write it in quotes", "value_set",
        ),
        ({"expect": "expect_column_mean_to_be_between", "with": {"column": "total", "min_value": 1}}, "gate", "expect"),
        (
            {"expect": "expect_column_values_to_not_be_null", "with": {"column": "code", "mostly": 0.9}},
            "holds for every row", "mostly",
        ),
        (
            {"expect": "expect_column_values_to_not_be_null", "with": {"column": "code"}, "on_fail": "keep_latest"},
            "uniqueness", "on_fail",
        ),
        (
            {"expect": "expect_column_values_to_match_regex", "with": {"column": "total", "regex": "x"}},
            "about text", "column",
        ),
        (
            {
                "expect": "expect_column_pair_values_to_be_equal",
                "with": {"column_A": "total", "column_B": "region"},
            },
            "cannot be compared", "with",
        ),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named_with_its_place_and_the_nearest_word(rule, said, path):
    """A misspelt rule must not be a rule that never runs, and its author must find it at once."""
    contract = source(COLUMNS, [{"id": "R1", **rule}])
    ((at, message), *_) = problems(contract)
    assert said in message
    assert at[:2] == ("rules", 0)
    assert at[-1] == path
    with pytest.raises(ValueError, match=r"rules\.0"):
        source_rules(contract)


def test_a_wrong_column_points_at_the_columns_own_words():
    """The reader of `sluice check` wrote `min`, not `min_value`."""
    found = problems(source({"n": {"type": "int8", "min": 300}, "b": {"type": "bool", "min": 1}}))
    assert [path for path, _ in found] == [("columns", "n", "min"), ("columns", "b")]


def test_uniqueness_is_a_rule_of_sets_and_spares_missing_values():
    """No single row is guilty: refining decides by on_fail, and rows without a value are not duplicates."""
    rule = {"id": "U1", "expect": "expect_column_values_to_be_unique", "with": {"column": "id"}, "on_fail": "refuse"}
    contract = source({"id": {"type": "int64"}}, [rule])
    (unique,) = set_rules(contract)
    assert source_rules(contract) == ()
    assert unique.on_fail == "refuse"
    rows = pl.DataFrame({"id": [1, 1, 2, None, None, 2**53, 2**53 + 1]})
    assert rows.select(unique.bad).to_series().to_list() == [True, True, False, False, False, False, False]
