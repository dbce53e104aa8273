"""JSON and newline-delimited JSON, as exact text (see `json_rows.py`).

ndjson goes line by line: a line that is no JSON object is one problem row, and the others go on. Whether a column the
contract cannot do without is missing is decided on the file's first block. A JSON document is read whole, so its
size is capped by the contract's `parse_memory_mb`; ndjson has no such bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec
import polars as pl

from sluice.errors import Broken
from sluice.model.source import FilesSource
from sluice.sources import json_rows
from sluice.sources.files.frames import ROWS, problems, text_schema

BLOCK = 8 * 1024 * 1024
LINE = 64 * 1024 * 1024  # a longer line is passed over, or one lost newline would keep the file in memory
_KEEP = 64 * 1024
GROWTH = 8  # a decoded document is up to this many times its text
_BOM = b"\xef\xbb\xbf"
_decode = msgspec.json.Decoder(float_hook=str).decode


def read_json(file: BinaryIO, source: FilesSource, uri: str) -> Iterator[pl.DataFrame]:
    most = source.parse_memory_mb * 1024 * 1024 // GROWTH
    body = file.read(most + 1)
    while block := file.read(most + 1 - len(body)):
        body += block
    if len(body) > most:
        what = f"a JSON document of more than {most} bytes cannot be read whole"
        raise Broken("file.unreadable", what, uri, "raise `parse_memory_mb`, or have it sent as ndjson")
    frame = json_rows.rows_to_frame(body, source.records, source.columns, uri, "file.unreadable")
    yield from frame.iter_slices(ROWS)


@dataclass(frozen=True)
class _Lines(json_rows.Document):
    """Decoded lines in the place of a body with a list."""

    texts: list[bytes]

    def records(self, path: str) -> list[Any]:
        return list(self.value)

    def raw_records(self, path: str) -> list[msgspec.Raw]:
        return [msgspec.Raw(text) for text in self.texts]


def read_ndjson(file: BinaryIO, source: FilesSource, uri: str) -> Iterator[pl.DataFrame]:
    columns, line = source.columns, 1
    for block in _blocks(file):
        rows = block.split(b"\n")[:-1]
        good, numbers, bad = _decoded(rows, line)
        if good or bad:
            document = _Lines(b"", good, uri, "file.unreadable", [rows[number - line] for number in numbers])
            frame = json_rows.frame(document, "", columns).with_columns(pl.Series("_line", numbers, dtype=pl.Int64))
            if bad:
                schema = text_schema(columns)
                frame = pl.concat([frame, problems(schema, uri, "file.unreadable", bad)], how="diagonal")
            yield from frame.iter_slices(ROWS)
        if good:  # from here on an absent key is a null, which refining judges row by row
            columns = {name: column.model_copy(update={"nullable": True}) for name, column in source.columns.items()}
        line += len(rows)


def _decoded(rows: list[bytes], first: int) -> tuple[list[Any], list[int], list[tuple[int | None, str]]]:
    """Values, their line numbers, and what could not be decoded. A blank line is nothing."""
    values, numbers, bad = list[Any](), list[int](), list[tuple[int | None, str]]()
    for number, row in enumerate(rows, first):
        try:
            values.append(_decode(row))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if row.strip():
                bad.append((number, row.removesuffix(b"\r").decode(errors="replace")))
        else:
            numbers.append(number)
    return values, numbers, bad


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines. A BOM at the very start is none of the text; of a line that is too long, the start, cut visibly."""
    kept = file.read(BLOCK).removeprefix(_BOM)
    while kept:
        end, block = kept.rfind(b"\n") + 1, b""
        if end:
            yield kept[:end]
        elif len(kept) > LINE:
            yield kept[:_KEEP] + "…\n".encode()
            while block.find(b"\n") < 0 and (block := file.read(BLOCK)):
                pass
            kept, end = block, block.find(b"\n") + 1
        kept = kept[end:]
        if not (more := file.read(BLOCK)):
            break
        kept += more
    if kept:
        yield kept + b"\n"
