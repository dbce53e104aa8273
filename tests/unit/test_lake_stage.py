"""Staged files and their statistics: exact, complete, and the same to a second reader."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import Transient
from sluice.lake import naming, statistics
from sluice.lake.commit import commit
from sluice.lake.table import Table
from tests.support import lake
from tests.support.repository import ROOT

LARGE = Decimal("12345678901234567.89")  # no float can hold it
KINDS = pl.DataFrame(
    {
        "whole": [3, -(2**63), 2**63 - 1],
        "money": [LARGE, None, Decimal("0.01")],
        "share": [0.1, -2.5, None],
        "name": ["é", "", "z" * 20],
        "on": [date(2026, 5, 1), None, date(1, 1, 1)],
        "at": [datetime(2026, 5, 1, 10, 0, 0, 123456, UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), None],
        "yes": [True, None, False],
        "tags": [["a"], None, []],
        "none": [None, None, None],
    },
    schema_overrides={"money": pl.Decimal(38, 2), "at": pl.Datetime("us", "UTC"), "none": pl.String},
)

VALUE_TYPES = {
    "whole": pl.Int32(), "money": pl.Decimal(15, 2), "share": pl.Float64(), "name": pl.String(), "on": pl.Date(),
    "at": pl.Datetime("us", "UTC"), "local": pl.Datetime("us"), "yes": pl.Boolean(), "far": pl.Date(),
}  # fmt: skip
VALUES = (
    st.integers(-(2**31), 2**31 - 1),
    st.decimals(-(10**12), 10**12, places=2),
    st.floats(),
    st.text(max_size=3) | st.just("z" * 65),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
)


def committed(table: Table, frame: pl.DataFrame) -> Table:
    commit(table, frame.schema, run="run", add=[table.write(frame, "file")], metadata={})
    return table


def test_statistics_are_complete_and_exact() -> None:
    """create_write_transaction takes whatever it is handed; a wrong bound makes readers skip rows that are there."""
    said = json.loads(statistics.of(KINDS), parse_float=Decimal)
    assert said["numRecords"] == 3
    assert said["nullCount"] == {
        "whole": 0, "money": 1, "share": 1, "name": 0, "on": 1, "at": 1, "yes": 1, "tags": 1, "none": 3
    }  # fmt: skip
    assert said["minValues"] == {
        "whole": -(2**63), "money": Decimal("0.01"), "share": Decimal("-2.5"), "name": "", "on": "0001-01-01",
        "at": "2026-05-01T10:00:00.123456Z",
    }  # fmt: skip
    assert said["maxValues"] == {
        "whole": 2**63 - 1, "money": LARGE, "share": Decimal("0.1"), "name": "é", "on": "2026-05-01",
        "at": "9999-12-31T23:59:59.999999Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        (pl.col("money") == LARGE, 1),
        (pl.col("money") > LARGE, 0),
        (pl.col("whole") == 2**63 - 1, 1),
        (pl.col("at") == datetime(2026, 5, 1, 10, 0, 0, 123456, UTC), 1),
        (pl.col("at") > datetime(9999, 12, 31, tzinfo=UTC), 1),
        (pl.col("name") == "z" * 20, 1),
        (pl.col("on") < date(2, 1, 1), 1),
        (pl.col("none").is_null(), 3),
        (pl.col("share").is_null(), 1),
    ],
)
def test_a_second_reader_that_skips_by_statistics_finds_every_row(tmp_path: Path, where: pl.Expr, rows: int) -> None:
    """Polars' own Delta reader pushes the filter into the log: what it skips is what our bounds say."""
    table = committed(lake.table(tmp_path), KINDS)
    assert pl.scan_delta(table.uri).filter(where).collect().height == rows
    assert pl.read_delta(table.uri).equals(KINDS)


def test_the_log_gives_bounds_back_as_they_were_also_after_a_checkpoint(tmp_path: Path) -> None:
    """A checkpoint rewrites the statistics as Parquet; refining chooses its files by them."""
    from deltalake import DeltaTable

    table = committed(lake.table(tmp_path), KINDS)
    DeltaTable(table.uri).create_checkpoint()
    lake.log_entry(table, 0).unlink()
    snapshot = table.snapshot()
    assert snapshot is not None
    bounds = snapshot.actions.select("min.money", "max.money", "max.whole", "min.at", "null_count.none").row(0)
    assert bounds == (Decimal("0.01"), LARGE, 2**63 - 1, datetime(2026, 5, 1, 10, 0, 0, 123456, UTC), 3)


def test_years_that_only_polars_knows_have_no_bounds_and_stop_nothing() -> None:
    """PostgreSQL has a year 294276. Python has not: one such row stopped the whole batch."""
    far = pl.DataFrame({"on": [date(2026, 1, 1), None]}).with_columns(
        on=pl.when(pl.col("on").is_null()).then(pl.lit(4_000_000).cast(pl.Date)).otherwise("on"),
        at=pl.lit(2**62).cast(pl.Datetime("us", "UTC")),
    )
    said = json.loads(statistics.of(far))
    assert said["minValues"] == said["maxValues"] == {}
    assert said["nullCount"] == {"on": 0, "at": 0}


def test_a_column_with_infinities_or_nan_has_no_bounds() -> None:
    """NaN is in no order and JSON has no infinity: a bound that leaves them out hides their rows."""
    said = json.loads(statistics.of(pl.DataFrame({"a": [1.0, float("nan")], "b": [1.0, float("inf")], "c": [1.0, 2]})))
    assert said["maxValues"] == {"c": 2.0}


def test_long_texts_have_no_bounds_rather_than_cut_ones() -> None:
    """A cut maximum is below the truth: readers would skip the row."""
    assert json.loads(statistics.of(pl.DataFrame({"t": ["x" * 65, "a"]})))["maxValues"] == {}


@pytest.mark.parametrize("value", ["a' OR '1'='1", "x/y", "..", "../../etc", "a=b", "é", "50%", " ", "", "a b", "-x"])
def test_a_partition_value_that_is_no_plain_word_is_refused(tmp_path: Path, value: str) -> None:
    """In a predicate `a' OR '1'='1` deleted every other partition; in a path it is read back as something else."""
    table = lake.table(tmp_path)
    with pytest.raises(ValueError, match="cannot name a partition"):
        table.write(pl.DataFrame({"n": [1]}), "file", {"day": value})
    assert list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.parametrize("value", ["2026-05-01", "2026-05", "2026-05-02T13+0500", "2026-05-02T13-0330"])
def test_days_months_and_hours_are_read_back_as_they_were_written(tmp_path: Path, value: str) -> None:
    """Hours carry their offset, and a plus sign means a space to some readers of paths."""
    table = lake.table(tmp_path)
    lake.replace_day(table, value, 1, run="run")
    snapshot = table.snapshot()
    assert snapshot is not None
    assert [f.partition for f in snapshot.in_partitions([value])] == [value]
    assert snapshot.scan().collect().rows() == [(1, value)]
    assert pl.read_delta(table.uri).rows() == [(1, value)]


def test_a_file_that_cannot_be_written_is_an_outage_and_leaves_nothing(tmp_path: Path) -> None:
    """A full or read-only disk: worth another try, and no half file may be found later."""
    table = lake.table(tmp_path)
    (tmp_path / "gold").write_text("a file where the folder should be")
    with pytest.raises(Transient) as failed:
        table.write(pl.DataFrame({"n": [1]}), "file")
    assert failed.value.code == "lake.unavailable"


def test_nothing_but_the_file_is_left_in_the_folder(tmp_path: Path) -> None:
    """Temporary names are renamed away: a sweep should find orphans of crashes only."""
    table = lake.table(tmp_path)
    staged = table.write(pl.DataFrame({"n": [1]}), "file")
    assert [p.name for p in Path(table.uri).iterdir()] == ["file.parquet"]
    assert staged.size == (Path(table.uri) / staged.path).stat().st_size


NAMES = {"2026-05-01": "a", "2026-05-03": "c"}
DAYS = [date(2026, 5, 3), date(2026, 5, 1), date(2026, 5, 2)]


def test_days_written_together_are_what_they_are_alone(tmp_path: Path) -> None:
    """Seven years land at once and a night lands alone: rows, order and statistics must not tell which."""
    frame = pl.concat([KINDS.with_columns(day=pl.lit(day)) for day in DAYS])
    together, alone = lake.table(tmp_path / "together"), lake.table(tmp_path / "alone")
    staged = together.write_each(frame, "day", NAMES)
    assert list(staged) == sorted(NAMES)
    for day, file in staged.items():
        assert replace(file, size=0) == replace(alone.write(KINDS, NAMES[day], {"day": day}), size=0)
        assert pl.read_parquet(f"{together.uri}/{file.path}", hive_partitioning=False).equals(KINDS)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 3), *(each | st.none() for each in VALUES)), max_size=20))
def test_statistics_of_many_files_are_those_of_each(rows: list[tuple[object, ...]]) -> None:
    """Two ways to one answer, as a query is dear for one file and cheap for 2,500."""
    frame = pl.DataFrame(
        rows,
        schema=["file", *VALUE_TYPES],
        orient="row",
        schema_overrides={**VALUE_TYPES, "file": pl.Int64, "far": pl.Int32},
    ).with_columns(pl.col("far").cast(pl.Date))
    each = {
        str(file): statistics.of(part.drop("file"))
        for (file,), part in frame.partition_by("file", as_dict=True).items()
    }
    assert statistics.of_each(frame, "file") == each


def test_nothing_is_named_before_it_is_on_the_platter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut a committed file without its bytes cannot be told from a good one until it is read."""
    flushed: list[str] = []
    real = os.fsync

    def watched(descriptor: int) -> None:
        flushed.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    days = pl.DataFrame({"n": range(100)}).with_columns(day=pl.date(2026, 1, 1) + pl.duration(days="n"))
    table = lake.table(tmp_path)
    staged = table.write_each(days, "day", {str(day): "file" for day in days["day"]})
    files = {str(Path(table.uri, file.path).resolve()) for file in staged.values()}
    assert len(files) == 100
    assert files | {str(Path(file).parent) for file in files} <= set(flushed)


def test_files_that_could_not_all_be_written_leave_no_half_ones(tmp_path: Path) -> None:
    """The disk is full at the third day: nothing is staged, and what is whole waits for the sweep like any orphan."""
    frame = pl.concat(
        [pl.DataFrame({"n": range(1000 * (n == 2) + 1)}).with_columns(day=pl.lit(f"d{n}")) for n in range(4)]
    )
    table = lake.table(tmp_path)
    blocked = Path(table.uri, "day=d2")
    blocked.parent.mkdir(parents=True)
    blocked.write_text("not a folder")
    with pytest.raises(Transient) as full:
        table.write_each(frame, "day", {f"d{n}": "file" for n in range(4)})
    assert full.value.code == "lake.unavailable"
    assert table.snapshot() is None
    assert [path.name for path in Path(table.uri).rglob("*.tmp")] == []


def test_a_column_of_many_values_and_one_of_few_come_back_alike(tmp_path: Path) -> None:
    """They are encoded apart, and the choice is made from a sample: what it did not foresee must only cost bytes."""
    rows = 5_000
    frame = pl.DataFrame(
        {
            "few_then_many": [0] * (rows // 2 + 600) + list(range(rows // 2 - 600)),
            "many_then_few": [*map(str, range(rows // 2 + 600)), *["x"] * (rows // 2 - 600)],
            "a.b": [None if n % 3 else f"{n}" for n in range(rows)],
        }
    )
    table = lake.table(tmp_path)
    file = table.write(frame, "file")
    assert pl.read_parquet(f"{table.uri}/{file.path}").equals(frame)
    assert duckdb.sql(f"SELECT * FROM '{table.uri}/{file.path}'").fetchall() == frame.rows()


def test_a_process_that_is_killed_among_many_files_has_committed_none(tmp_path: Path) -> None:
    """They lie there under their own names, not all on the platter yet: the next run writes them again, and is done."""
    code = (
        "import os, signal, sys, polars as pl\n"
        "from tests.support import lake\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "frame = pl.DataFrame({'n': range(40)}).with_columns(day='d' + pl.col('n').cast(pl.String))\n"
        "lake.table(sys.argv[1]).write_each(frame, 'day', {day: 'file' for day in frame['day']})\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    table = lake.table(tmp_path)
    assert len(list(Path(table.uri).rglob("*.parquet"))) == 40
    assert table.snapshot() is None
    frame = pl.DataFrame({"n": range(40)}).with_columns(day="d" + pl.col("n").cast(pl.String))
    staged = table.write_each(frame, "day", dict.fromkeys(frame["day"], "file"))
    commit(table, lake.BY_DAY, run="again", add=list(staged.values()), metadata={}, partition="day")
    assert lake.numbers(table) == list(range(40))


FILE = naming.file_name(naming.content(pl.DataFrame({"n": [1]})), "run", 0)


def test_a_late_worker_leaves_a_committed_file_as_it_is(tmp_path: Path) -> None:
    """Its size stands in the log, and readers look for the footer there: with other bytes the file is broken."""
    table = lake.table(tmp_path)
    first = table.write(pl.DataFrame({"n": [1]}), FILE)
    commit(table, lake.NUMBERS, run="run", add=[first], metadata={})
    late = table.write(pl.DataFrame({"n": [1], "landed": ["later"]}), FILE)
    assert lake.numbers(table) == [1]
    for file, width in ((first, 1), (late, 2)):
        assert file.size == (Path(table.uri) / file.path).stat().st_size
        assert pl.read_parquet(f"{table.uri}/{file.path}").width == width
        assert naming.is_ours(file.path)
        assert file.path.endswith("-run.parquet")


def test_a_step_that_is_done_again_takes_the_file_that_lies_there(tmp_path: Path) -> None:
    """With the same bytes there is nothing to write, and no orphan to sweep."""
    table = lake.table(tmp_path)
    days = pl.DataFrame({"n": [1, 2], "day": ["d1", "d2"]})
    first = table.write_each(days, "day", {"d1": FILE, "d2": FILE})
    assert table.write_each(days, "day", {"d1": FILE, "d2": FILE}) == first
    assert len(list(Path(table.uri).rglob("*.*"))) == 2


@pytest.mark.parametrize("left", [0, 100])
def test_what_a_power_cut_left_of_a_file_is_not_taken_for_it(tmp_path: Path, left: int) -> None:
    """A name may reach the platter before its bytes: the same run, done again, must not commit the torso."""
    table = lake.table(tmp_path)
    file = Path(table.uri, table.write(pl.DataFrame({"n": [1]}), FILE).path)
    file.write_bytes(file.read_bytes()[:left])
    commit(table, lake.NUMBERS, run="run", add=[table.write(pl.DataFrame({"n": [1]}), FILE)], metadata={})
    assert lake.numbers(table) == [1]


def test_writers_of_one_name_with_one_process_id_do_not_mix(tmp_path: Path) -> None:
    """Every container has a process 1: by that alone two of them wrote into one temporary file."""
    table = lake.table(tmp_path)
    frames = [pl.DataFrame({"n": [1] * rows}) for rows in range(1, 9) for _ in range(4)]
    with ThreadPoolExecutor(len(frames)) as pool:
        files = list(pool.map(lambda frame: table.write(frame, FILE), frames))
    for frame, file in zip(frames, files, strict=True):
        assert pl.read_parquet(f"{table.uri}/{file.path}").equals(frame)
        assert file.size == (Path(table.uri) / file.path).stat().st_size
    assert list(Path(table.uri).rglob("*.tmp")) == []
