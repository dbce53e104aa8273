"""The figures that stand beside a published interval."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from sluice.quality.profile import profile, profile_by


def test_counts_nulls_and_distinct_values_and_keeps_bounds_exact() -> None:
    """A null rate that jumps is often the first sign of a broken export; a rounded decimal would hide another."""
    frame = pl.LazyFrame(
        {
            "region": ["north", None, "north"],
            "revenue": [Decimal("1.10"), Decimal("12345678901234567.89"), None],
            "sale_on": [date(2026, 5, 2)] * 3,
            "tags": [["a"], None, []],
        },
        schema_overrides={"revenue": pl.Decimal(20, 2)},
    )
    found = profile(frame)
    assert found["region"] == {"nulls": 1, "distinct": 2, "min": "north", "max": "north"}
    assert found["revenue"] == {"nulls": 1, "distinct": 3, "min": "1.10", "max": "12345678901234567.89"}
    assert found["sale_on"]["min"] == "2026-05-02"
    assert found["tags"] == {"nulls": 1}


def test_an_empty_frame_has_a_profile_too() -> None:
    """An interval that is allowed to be empty is published with figures like any other."""
    assert profile(pl.LazyFrame(schema={"a": pl.Int64})) == {"a": {"nulls": 0, "distinct": 0, "min": None, "max": None}}


def test_profiles_by_interval_are_those_of_each_interval() -> None:
    """A backfill's days are looked at together; nulls, bounds and texts must stay those of the day."""
    frame = pl.LazyFrame(
        {
            "on": ["a", "b", "a", "b", "b"],
            "x": [1.5, None, float("nan"), 2.0, 2.0],
            "s": ["z", None, "y" * 100, None, None],
            "tags": [["a"], None, [], None, ["b"]],
        }
    )
    together = profile_by(frame, "on")
    assert together == {on: profile(frame.filter(pl.col("on") == on).drop("on")) for on in ("a", "b")}
    assert together["b"]["x"] == {"nulls": 1, "distinct": 2, "min": 2.0, "max": 2.0}
