"""Parquet from outside: exact types through the child process, and whatever a damaged file does to it."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.support.landing import contract, reading, rows


def landed(folder: Path, frame: pl.DataFrame, **overrides: Any) -> pl.DataFrame:
    frame.write_parquet(folder / "a.parquet")
    return rows(reading(folder, format="parquet", **overrides))


def columns(**types: str) -> dict[str, dict[str, Any]]:
    return {name: {"type": kind} for name, kind in types.items()}


NOON = datetime(2026, 5, 2, 12, 0, 0, 123456)
NOON_IN_TASHKENT = NOON.replace(tzinfo=UTC) - timedelta(hours=5)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int64", pl.Series([1, None], dtype=pl.Int8), [1, None]),
        ("int8", pl.Series([127], dtype=pl.Int64), [127]),
        ("float64", pl.Series([2**53, None], dtype=pl.Int64), [2.0**53, None]),
        ("float32", pl.Series([0.5, float("inf")]), [0.5, float("inf")]),
        ("decimal(12,2)", pl.Series(["1.10"]).cast(pl.Decimal(20, 4)), [Decimal("1.10")]),
        ("decimal(12,2)", pl.Series([7]), [Decimal("7.00")]),
        ("string", pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
        ("string", pl.Series([b"\xd0\xb0"]), ["а"]),
        ("date", pl.Series([datetime(2026, 5, 2)]), [date(2026, 5, 2)]),
        ("timestamp", pl.Series([NOON]).dt.replace_time_zone("Asia/Tashkent"), [NOON_IN_TASHKENT]),
        ("timestamp", pl.Series([NOON]).cast(pl.Datetime("ns")), [NOON.replace(tzinfo=UTC)]),
        ("bool", pl.Series([True, None]), [True, None]),
        ("array(int64)", pl.Series([[1, 2], None], dtype=pl.List(pl.Int32)), [[1, 2], None]),
        ("json", pl.Series([{"a": 1, "b": [None]}, None]), ['{"a":1,"b":[null]}', None]),
        ("int64", pl.Series([None], dtype=pl.Null), [None]),
    ],
)  # fmt: skip
def test_values_reach_the_contracts_type_unchanged(
    tmp_path: Path, kind: str, values: pl.Series, expected: list[Any]
) -> None:
    """Other writers choose other widths and units; the value is what counts."""
    frame = landed(tmp_path, pl.DataFrame({"x": values}), columns=columns(x=kind))
    assert frame["_problem"].to_list() == [None] * frame.height, frame["_raw"].to_list()
    assert frame["x"].dtype == contract("x", columns=columns(x=kind)).columns["x"].parsed.polars()
    assert frame["x"].to_list() == expected


def test_a_time_without_zone_is_local_to_the_contract(tmp_path: Path) -> None:
    """The sender's clock hangs on a wall in Tashkent, and the contract says so."""
    frame = landed(tmp_path, pl.DataFrame({"x": [NOON]}), columns=columns(x="timestamp"), timezone="Asia/Tashkent")
    assert frame["x"].to_list() == [NOON_IN_TASHKENT]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int8", pl.Series([1, 128])),
        ("int64", pl.Series([1.0])),
        ("int64", pl.Series(["1"])),
        ("float64", pl.Series([2**53 + 1])),
        ("float32", pl.Series([0.1])),
        ("decimal(12,2)", pl.Series([1.1])),
        ("decimal(12,2)", pl.Series(["1.101"]).cast(pl.Decimal(20, 3))),
        ("decimal(3,2)", pl.Series([10])),
        ("string", pl.Series([b"\xff"])),
        ("string", pl.Series([1])),
        ("date", pl.Series([NOON])),
        ("timestamp", pl.Series([1], dtype=pl.Int64).cast(pl.Datetime("ns"))),
        ("timestamp", pl.Series([date(2026, 5, 2)])),
        ("bool", pl.Series([1])),
        ("array(int8)", pl.Series([[1, 128]])),
    ],
)
def test_a_column_that_would_lose_something_is_drift_of_the_whole_file(
    tmp_path: Path, kind: str, values: pl.Series
) -> None:
    """Delta's own append turns 1.9 into 1 in silence. The owner hears of it instead."""
    frame = landed(tmp_path, pl.DataFrame({"x": values}), columns=columns(x=kind))
    assert frame["_problem"].to_list() == ["contract.type_drift"]
    assert "'x'" in frame["_raw"][0]
    assert frame["x"].dtype == contract("x", columns=columns(x=kind)).columns["x"].parsed.polars()


def test_other_columns_come_along_as_text_and_missing_ones_are_said(tmp_path: Path) -> None:
    """As with CSV: nothing is lost, nothing is guessed."""
    other = pl.DataFrame({"id": [1], "b": [b"\x01"], "n": [[1.5]], "t": [NOON], "d": [timedelta(seconds=90)]})
    frame = landed(tmp_path, other)
    assert frame.select("id", "name", "b", "n", "t", "d").rows() == [
        (1, None, "01", "[1.5]", "2026-05-02 12:00:00.123456", "PT1M30S")
    ]
    frame = landed(tmp_path, pl.DataFrame({"idd": [1]}))
    assert frame["_problem"].to_list() == ["contract.missing_column"]
    assert "the nearest is 'idd'" in frame["_raw"][0]


def test_a_large_file_comes_in_pieces_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by the piece; the temporary folder is gone afterwards, even when reading stops half-way."""
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    (tmp_path / "in").mkdir()
    pl.DataFrame({"id": range(450_000)}).write_parquet(tmp_path / "in/a.parquet")
    files = reading(tmp_path / "in", format="parquet")
    (split,) = files.plan(None, (), lambda unit, version: False).splits
    frames = list(files.read(split))
    assert max(frame.height for frame in frames) <= 100_000
    assert pl.concat(frames)["id"].to_list() == list(range(450_000))
    begun = files.read(split)
    next(begun)
    assert list(room.iterdir())
    begun.close()  # type: ignore[attr-defined]
    assert list(room.iterdir()) == []


def test_a_file_without_rows_has_its_columns(tmp_path: Path) -> None:
    """The land step needs no special case."""
    frame = landed(tmp_path, pl.DataFrame(schema={"id": pl.Int64, "name": pl.String}))
    assert frame.height == 0
    assert frame.schema["id"] == pl.Int64
    assert "_origin" in frame.columns


def test_a_parser_that_hangs_or_dies_costs_its_file_only(tmp_path: Path) -> None:
    """A stopped child is killed when the time is up; a killed one is an answer at once. The next file goes on."""
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "a.parquet")
    files = reading(tmp_path, format="parquet", parse_seconds=1)
    assert rows(files)["id"].to_list() == [1]
    child = files.parser._child
    assert child is not None
    os.kill(child.process.pid, signal.SIGSTOP)
    begun = time.monotonic()
    assert rows(files)["_raw"].to_list() == ["the parser did not finish within 1 s"]
    assert time.monotonic() - begun < 5
    assert child.process.poll() is not None
    assert rows(files)["id"].to_list() == [1]
    other = files.parser._child
    assert other is not None
    os.kill(other.process.pid, signal.SIGKILL)
    assert rows(files)["_raw"].to_list() == ["the parser crashed (exit -9)"]
    assert rows(files)["id"].to_list() == [1]


def test_a_bomb_meets_the_memory_limit_of_the_child(tmp_path: Path) -> None:
    """A few kilobytes of Parquet can ask for gigabytes in one row. Ours is not the process that pays."""
    zeros = pl.zeros(60_000_000, pl.Int64, eager=True)
    pl.DataFrame({"id": zeros.implode()}).write_parquet(tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    frame = rows(reading(tmp_path, format="parquet", columns=columns(id="json"), parse_memory_mb=256))
    assert frame["_problem"].to_list() == ["file.unreadable"]
    assert frame["_raw"].to_list() == ["the parser needs more than 256 MB"]


def test_a_bomb_of_many_rows_stops_at_the_cap(tmp_path: Path) -> None:
    """The pieces on disk are counted too: a column of one value costs nothing in the file."""
    pl.DataFrame({"id": pl.zeros(5_000_000, pl.Int64, eager=True)}).write_parquet(tmp_path / "a.parquet")
    frame = rows(reading(tmp_path, format="parquet", max_bytes=10_000_000))
    assert frame["_raw"].to_list() == ["it expands to more than 10000000 bytes"]


def test_the_child_sees_no_secrets_and_ends_with_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes over the parser finds nothing worth taking, and no parser outlives its connector."""
    monkeypatch.setenv("SLUICE_SECRETS__TOKEN", "canary-secret")
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "a.parquet")
    files = reading(tmp_path, format="parquet")
    rows(files)
    child = files.parser._child
    assert child is not None
    process = child.process
    assert b"canary-secret" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    del files, child
    assert process.poll() is not None


CORPUS = os.environ.get("SLUICE_CORPORA")
BAD = sorted(Path(CORPUS, "parquet_bad").glob("*.parquet")) if CORPUS else []


@pytest.mark.skipif(not CORPUS, reason="SLUICE_CORPORA does not name the folder of corpora")
def test_the_corpus_of_bad_parquet_is_complete() -> None:
    """Eight files that crashed readers, or the next test proves less than it says."""
    assert len(BAD) == 8


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_parquet_has_a_typed_outcome(tmp_path: Path, path: Path) -> None:
    """Never a panic, an abort or a hang of ours; the good file next to it is read."""
    (tmp_path / path.name).write_bytes(path.read_bytes())
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "good.parquet")
    frame = rows(reading(tmp_path, format="parquet", columns={"id": {"type": "int64"}}, parse_seconds=60))
    other = frame.filter(pl.col("_origin").str.ends_with(path.name))
    assert frame.filter(pl.col("_origin").str.ends_with("good.parquet"))["id"].to_list() == [1]
    assert other.height == 0 or other["_problem"].null_count() in (0, other.height)


def test_fuzzed_parquet_has_a_typed_outcome(tmp_path: Path) -> None:
    """Bytes flipped anywhere: rows, or one problem. In a trial a fifth of such files made the reader panic."""
    whole = tmp_path / "whole.parquet"
    pl.DataFrame({"id": range(1000), "name": [f"name {i}" for i in range(1000)]}).write_parquet(whole)
    body, chance, folder = whole.read_bytes(), random.Random(7), tmp_path / "in"
    folder.mkdir()
    for number in range(40):
        damaged = bytearray(body)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(body) * 2 // 3 if number % 2 else 0, len(body))] = chance.randrange(256)
        (folder / f"{number:02}.parquet").write_bytes(damaged)
    files = reading(folder, format="parquet", parse_seconds=20, parse_memory_mb=2048)
    (split,) = files.plan(None, (), lambda unit, version: False).splits
    outcomes = set()
    for unit, _ in files.units(split):
        frame = pl.concat(files.read_unit(split, unit), how="diagonal")
        problems = set(frame["_problem"].to_list())
        assert len(problems) <= 1, unit
        outcomes |= problems
    assert "file.unreadable" in outcomes
    assert outcomes <= {None, "file.unreadable", "contract.type_drift", "contract.missing_column"}
