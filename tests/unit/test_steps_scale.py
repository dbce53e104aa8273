"""What keeps seven years of days affordable gives the same results as doing each day by itself."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sluice.lake import naming
from sluice.steps import landing

days = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=30)


def frame(rows: list[tuple[int, int]]) -> pl.DataFrame:
    numbers = pl.DataFrame(rows, schema={"day": pl.Int64, "n": pl.Int64}, orient="row")
    return numbers.with_columns(pl.date(2026, 5, 1).dt.offset_by(pl.format("{}d", "day")).alias("day"))


@given(days)
def test_days_cut_out_together_are_those_filtered_out_one_by_one(rows: list[tuple[int, int]]) -> None:
    """A row in the wrong day would be published under another date."""
    whole = frame(rows)
    cut = landing.pieces(whole, "day")
    assert sorted(cut) == sorted({str(day) for day in whole["day"]})
    for day, body in cut.items():
        assert body.equals(whole.filter(pl.col("day") == date.fromisoformat(day)).drop("day"))


@given(days)
def test_names_made_together_are_those_made_one_by_one(rows: list[tuple[int, int]]) -> None:
    """Equal rows, equal name: else a day that did not change would be written and built again."""
    whole = frame(rows)
    cut = landing.pieces(whole, "day")
    assert naming.contents(whole, "day") == {day: naming.content(body) for day, body in cut.items()}
