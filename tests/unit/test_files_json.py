"""JSON and ndjson files, plain and compressed."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from sluice.sources.files import json_text as _files_json
from tests.support.landing import reading, rows, text_columns


def landed(folder: Path, body: bytes, name: str, **overrides: Any) -> pl.DataFrame:
    (folder / name).write_bytes(body)
    return rows(reading(folder, **overrides))


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    """1.10 is a price with two decimals, and an order number can have twenty digits."""
    body = b'{"id": 1.10, "name": "a"}\n{"id": 12345678901234567890123, "name": null}\n{"id": 1e400, "name": ""}\n'
    frame = landed(tmp_path, body, "a.ndjson", format="ndjson")
    assert frame.select("id", "name", "_line").rows() == [
        ("1.10", "a", 1),
        ("12345678901234567890123", None, 2),
        ("1e400", "", 3),
    ]


def test_a_broken_line_is_one_row_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that was cut in the middle of a line is still a log. Lines do not mend each other."""
    monkeypatch.setattr(_files_json, "BLOCK", 16)
    body = b'\xef\xbb\xbf{"id": 1}\r\n{"id": 2\n\n,"name": 3}\n{"id": 4}, {"id": 5}\n[6]\n{"id": 7, "new": [1, 2.0]}'
    frame = landed(tmp_path, body, "a.ndjson", format="ndjson")
    assert frame.filter(pl.col("_problem").is_null()).select("id", "_line", "new").rows() == [
        ("1", 1, None),
        ("7", 7, "[1, 2.0]"),
    ]
    assert frame.filter(pl.col("_problem").is_not_null()).sort("_line").select("_problem", "_line", "_raw").rows() == [
        ("file.unreadable", 2, '{"id": 2'),
        ("file.unreadable", 4, ',"name": 3}'),
        ("file.unreadable", 5, '{"id": 4}, {"id": 5}'),
        ("type:record", 6, "[6]"),
    ]


def test_a_line_without_end_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One lost newline must not keep a whole file in memory."""
    monkeypatch.setattr(_files_json, "BLOCK", 64)
    monkeypatch.setattr(_files_json, "LINE", 128)
    body = b'{"id": 1}\n{"id": "' + b"x" * 5000 + b'"}\n{"id": 3}\n'
    frame = landed(tmp_path, body, "a.ndjson", format="ndjson")
    assert frame.select("id", "_line", "_problem").rows() == [
        ("1", 1, None),
        (None, 2, "file.unreadable"),
        ("3", 3, None),
    ]


def test_a_missing_key_is_a_problem_of_the_file_only_when_no_record_has_it(tmp_path: Path) -> None:
    """Records differ; a file without the promised column at all is the wrong file."""
    frame = landed(tmp_path, b'{"id": 1}\n{"name": "b"}\n', "a.ndjson", format="ndjson")
    assert frame["id"].to_list() == ["1", None]
    frame = landed(tmp_path, b'{"idd": 1}\n{"idd": 2}\n', "a.ndjson", format="ndjson")
    assert frame["_problem"].to_list() == ["contract.missing_column"]
    assert "nearest key is 'idd'" in frame["_raw"][0]


def test_a_document_is_read_from_its_list_of_records(tmp_path: Path) -> None:
    """`records` and dotted names, as for an API."""
    columns = text_columns("id") | {"city": {"type": "string", "from": "address.city"}}
    body = b'{"data": {"orders": [{"id": 7, "address": {"city": "Nukus"}}]}}'
    frame = landed(tmp_path, body, "a.json", format="json", records="data.orders", columns=columns)
    assert frame.select("id", "city", "_line", "_origin").rows() == [("7", "Nukus", 1, f"{tmp_path}/a.json")]


def test_a_document_too_large_to_read_whole_is_a_problem(tmp_path: Path) -> None:
    """A worker that runs out of memory takes other products with it."""
    body = b"[" + b'{"id": 1},' * 4_000_000 + b'{"id": 2}]'
    frame = landed(tmp_path, body, "a.json", format="json", parse_memory_mb=256)
    assert "have it sent as ndjson" not in frame["_raw"][0]
    assert frame["_raw"].to_list() == ["a JSON document of more than 33554432 bytes cannot be read whole"]


BODY = b"id,name\n" + b"".join(b"%d,name of %d\n" % (i, i) for i in range(20_000))


def compressed(kind: str, body: bytes) -> bytes:
    return gzip.compress(body) if kind == "gz" else zstandard.ZstdCompressor(write_checksum=True).compress(body)


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_all_members_of_a_compressed_file_are_read(tmp_path: Path, kind: str) -> None:
    """`cat a.gz b.gz` is a legal file; readers that stop at the first member lose the rest in silence."""
    body = compressed(kind, BODY[:5000]) + compressed(kind, b"") + compressed(kind, BODY[5000:])
    frame = landed(tmp_path, body, f"a.csv.{kind}")
    assert frame["id"].to_list() == [str(i) for i in range(20_000)]


@pytest.mark.parametrize("kind", ["gz", "zst"])
@pytest.mark.parametrize("damage", ["cut", "cut at the last byte", "flipped", "tail", "empty", "plain"])
def test_a_damaged_compressed_file_is_unreadable_as_a_whole(tmp_path: Path, kind: str, damage: str) -> None:
    """Half of the rows with a good face are worse than none."""
    body = compressed(kind, BODY)
    broken = {
        "cut": body[: len(body) // 2],
        "cut at the last byte": body[:-1],
        "flipped": body[:-20] + bytes([body[-20] ^ 0xFF]) + body[-19:],
        "tail": body + b"garbage",
        "empty": b"",
        "plain": BODY,
    }[damage]
    frame = landed(tmp_path, broken, f"a.csv.{kind}")
    assert frame["_problem"].to_list() == ["file.unreadable"]
    assert "damaged or cut short" in frame["_raw"][0]


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_bomb_stops_at_the_cap(tmp_path: Path, kind: str) -> None:
    """32 KB of zstd can hold a gigabyte."""
    frame = landed(tmp_path, compressed(kind, bytes(300_000_000)), f"a.csv.{kind}", max_bytes=5_000_000)
    assert frame["_raw"].to_list() == ["it expands to more than 5000000 bytes"]
    assert frame["_problem"].to_list() == ["file.unreadable"]


CORPUS = os.environ.get("SLUICE_CORPORA")


@pytest.mark.skipif(not CORPUS, reason="SLUICE_CORPORA does not name the folder of corpora")
def test_every_file_of_the_json_test_suite_has_a_declared_outcome(tmp_path: Path) -> None:
    """Documents that must not parse are unreadable at a byte; the others land, or hold no list of records."""
    suite = sorted(Path(str(CORPUS), "json_test_suite/test_parsing").glob("*.json"))
    assert len(suite) == 318
    for path in suite:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    files = reading(tmp_path, format="json", columns=text_columns("a"), splits={"files": 1000})
    (split,) = files.plan(None, (), lambda unit, version: False).splits
    for unit, _ in files.units(split):
        kind = Path(unit).name[0]
        (frame,) = files.read_unit(split, unit)
        unreadable = frame["_problem"].to_list() == ["file.unreadable"]
        reason = frame["_raw"][0] if unreadable else ""
        if kind == "n":
            assert "(byte " in reason, unit
        elif kind == "y":
            assert not unreadable or reason.startswith("no list of records"), unit
