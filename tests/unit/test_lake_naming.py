"""Content digests: equal rows, equal name, in any order and on any day; and never for different rows."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.lake import naming

ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "name": ["ann", None, "", "bob"],
        "tags": [["a"], ["a", "b"], None, []],
        "x": [0.5, None, 1, 2],
    }
)
rows = st.lists(st.tuples(st.integers(-3, 3), st.none() | st.sampled_from(["", "a", "b"])), max_size=8)


def frame(values: list[tuple[int, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(values, schema={"n": pl.Int64, "s": pl.String}, orient="row")


@settings(deadline=None)
@given(rows, st.randoms())
def test_the_order_of_the_rows_does_not_matter(values: list[tuple[int, str | None]], random: object) -> None:
    """The same day pulled twice comes in another order; it must not be published twice for that."""
    shuffled = values[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert naming.content(frame(values)) == naming.content(frame(shuffled))


@settings(deadline=None)
@given(rows, rows)
def test_different_rows_have_different_names(
    one: list[tuple[int, str | None]], other: list[tuple[int, str | None]]
) -> None:
    """Else a changed day would be taken for an unchanged one, and its change never be seen."""
    same = sorted(one, key=repr) == sorted(other, key=repr)
    assert (naming.content(frame(one)) == naming.content(frame(other))) == same


@pytest.mark.parametrize(
    "change",
    [
        pl.col("name").fill_null(""),
        pl.when(pl.col("name") != "").then("name").alias("name"),
        pl.col("tags").fill_null([]),
        pl.col("tags").list.reverse(),
        pl.when(pl.col("id") == 4).then(pl.lit("Bob")).otherwise("name").alias("name"),
        pl.col("x").fill_null(0),
        pl.col("id").alias("Id"),
    ],
)
def test_every_change_of_a_value_changes_the_name(change: pl.Expr) -> None:
    """A null that became an empty text is a change, and so is the order within a list."""
    assert naming.content(ROWS.with_columns(change).select(sorted(ROWS.with_columns(change).columns))) != (
        naming.content(ROWS.select(sorted(ROWS.columns)))
    )


def test_a_row_that_stands_twice_is_not_a_row_that_stands_not_at_all() -> None:
    """An exclusive or alone cancels pairs: two copies of a day would look like none."""
    twice, four_times = pl.concat([ROWS, ROWS]), pl.concat([ROWS] * 4)
    hashes = twice.select(pl.struct(pl.all()).hash(seed=7).bitwise_xor()).item()
    assert hashes == 0, "the pair does cancel in the exclusive or"
    assert len({naming.content(each) for each in (ROWS.clear(), ROWS, twice, four_times)}) == 4
    one, other = ROWS[[0, 0, 1]], ROWS[[1, 1, 0]]
    assert naming.content(one) != naming.content(other)


def test_swapped_columns_are_another_content() -> None:
    """Revenue and cost exchanged are a fault to publish a correction for."""
    assert naming.content(pl.DataFrame({"a": ["p"], "b": ["q"]})) != naming.content(
        pl.DataFrame({"a": ["q"], "b": ["p"]})
    )


def test_how_a_frame_lies_in_memory_does_not_matter() -> None:
    """One chunk or ten, the rows are the same."""
    pieces = pl.concat([ROWS[:1], ROWS[1:3], ROWS[3:]], rechunk=False)
    assert naming.content(pieces) == naming.content(pieces.rechunk()) == naming.content(ROWS)


def test_another_process_gives_the_same_name() -> None:
    """Every comparison is between runs, so between processes: a hash seeded at start would never match."""
    program = (
        "import polars as pl; from sluice.lake import naming\n"
        "print(naming.content(pl.DataFrame({'n': [1, 2], 's': ['a', None]})), naming.digest('a', 'b'))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert said == [naming.content(frame([(1, "a"), (2, None)])), naming.digest("a", "b")]


def test_parts_of_an_identity_do_not_run_together() -> None:
    """('ab', 'c') and ('a', 'bc') are two files."""
    assert naming.digest("ab", "c") != naming.digest("a", "bc")


def test_a_file_name_gives_its_content_and_its_unit_back() -> None:
    """The log alone tells whether anything changed: by these two."""
    path = f"_event_on=2026-05-01/{naming.file_name('c0ffee', 'run', 3, 'till.csv')}.parquet"
    assert naming.unit_of(path) == naming.digest("till.csv")
    assert naming.unit_of(naming.file_name("c0ffee", "run", 0)) == "none"
    assert path.rsplit("/", 1)[-1].split("-")[0] == "c0ffee"


@settings(deadline=None)
@given(rows)
def test_the_contents_of_many_days_are_those_of_each_day_alone(values: list[tuple[int, str | None]]) -> None:
    """Days are named in one pass; a name that differs from the day's own would publish every unchanged day again."""
    whole = frame(values)
    alone = {str(n): naming.content(whole.filter(pl.col("n") == n).drop("n")) for n in whole["n"].unique()}
    assert naming.contents(whole, "n") == alone
