"""Two versions of an interval compared by key."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from sluice.steps._difference import SHOWN, compared

OLD = pl.DataFrame(
    {"id": [1, 2, 3], "total": [Decimal("1.00"), Decimal("2.00"), None], "share": [0.5, float("nan"), 1]}
)


def test_rows_are_added_removed_and_changed_by_key() -> None:
    """The three words people ask for."""
    new = OLD.filter(pl.col("id") != 1).with_columns(total=pl.lit(Decimal("2.50"))).extend(
        pl.DataFrame({"id": [4], "total": [Decimal("9.00")], "share": [0.1]}, schema=OLD.schema)
    )  # fmt: skip
    found = compared(OLD, new, ["id"])
    assert (found["added"], found["removed"], found["changed"]) == (1, 1, 2)
    assert found["changes"] == [
        {"key": {"id": 2}, "column": "total", "old": "2.00", "new": "2.50"},
        {"key": {"id": 3}, "column": "total", "old": None, "new": "2.50"},
    ]
    assert found["changed_columns"] == {"total": 2}
    assert found["added_rows"] == [{"id": 4, "total": "9.00", "share": 0.1}]


def test_equal_versions_have_no_difference() -> None:
    """Nulls and NaN are equal to themselves: a rebuild that changed nothing must say so."""
    found = compared(OLD, OLD.reverse(), ["id"])
    assert (found["added"], found["removed"], found["changed"], found["changes"]) == (0, 0, 0, [])


def test_a_null_in_the_key_is_a_key() -> None:
    """`unknown` regions are compared too."""
    rows = pl.DataFrame({"id": [None, 1], "total": [1, 2]}, schema={"id": pl.Int64, "total": pl.Int64})
    assert compared(rows, rows.with_columns(pl.col("total") + 1), ["id"])["changed"] == 2


def test_a_key_that_stands_twice_is_not_multiplied() -> None:
    """Where a gate lets it pass, two rows of a key against two are two comparisons and not four."""
    rows = pl.DataFrame({"id": [1, 1], "total": [1, 2]})
    found = compared(rows, rows, ["id"])
    assert (found["added"], found["removed"], found["changed"]) == (0, 0, 0)
    assert compared(rows, rows.head(1), ["id"])["removed"] == 1


def test_counts_are_exact_where_only_some_are_shown() -> None:
    """Twenty lines are read, a million are counted."""
    old = pl.DataFrame({"id": range(1000), "total": [1] * 1000})
    found = compared(old, old.with_columns(total=pl.lit(2, pl.Int64)), ["id"])
    assert (found["changed"], len(found["changes"])) == (1000, SHOWN)


def test_a_table_of_keys_alone_can_be_compared() -> None:
    """A list of stores has nothing but its key."""
    keys = pl.DataFrame({"id": [1, 2]})
    assert compared(keys, keys.head(1), ["id"])["removed"] == 1
