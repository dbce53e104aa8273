"""CSV, exactly as RFC 4180 has it, in blocks: proved by the structural pass, then parsed by Polars as text.

An unquoted empty field (or the contract's null text) is null, a quoted one is the empty string. Line ends are CRLF or
LF; a lone CR is a sign like any other. A file with a header and nothing else has no rows; one without even a header
is unreadable. Memory: a few times the block, whatever the file's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import polars as pl

from sluice.errors import Broken, Misconfigured
from sluice.model.source import Csv, FilesSource
from sluice.sources.files.expand import check_encoding
from sluice.sources.files.frames import ROWS, Schema, finish, landing_names, problems, text_schema
from sluice.sources.files.scan import Dialect, Found, scan

BLOCK = 16 * 1024 * 1024  # parsed at once
WINDOW = 2 * 1024 * 1024  # proved at once: the places of its signs fit into a processor's cache, which saves a third
RECORD = 16 * 1024 * 1024  # a longer record is ragged, or one lost quote would keep the rest of the file in memory
_SMALL = 32 * 1024  # after a quote out of place: what the next one can make us scan again
_READ = 1024 * 1024
_SAID = 1000  # of a header, in a message
_KEEP = 64 * 1024  # of a record's text that is longer than RECORD
_BOM = b"\xef\xbb\xbf"
_STANDIN = "\x1aquoted-null\x1a"


def check(csv: Csv, where: str) -> None:
    """Misconfigured unless delimiter and quote are two different ASCII signs that no line can end with."""
    signs = [csv.delimiter, *([csv.quote] if csv.quote else [])]
    if len(set(signs)) < len(signs) or any(not sign.isascii() or sign in "\r\n" for sign in signs):
        what = f"csv.delimiter {csv.delimiter!r} and csv.quote {csv.quote!r} must be two different ASCII signs"
        raise Misconfigured("catalog.invalid", what, where)


def read_csv(file: BinaryIO, source: FilesSource, uri: str) -> Iterator[pl.DataFrame]:
    csv = source.csv
    check_encoding(file, csv.encoding, uri)
    rest = _Input(file)
    if _codec(csv) == "utf-8":
        rest.skip(_BOM)
    wanted = [column.source_name or name for name, column in source.columns.items()]
    header = rest.header(csv, uri) if csv.header else wanted
    line = f"the header is {csv.delimiter.join(header)[:_SAID]}"
    names = landing_names(header, source.columns, uri, line, source.unknown_columns == "keep")
    schema = text_schema(source.columns)
    for found in rest.records(dialect(csv), len(names)):
        rows = _parse(found, csv, names, schema, uri)
        yield from rows.iter_slices(ROWS)


def dialect(csv: Csv) -> Dialect:
    return Dialect(ord(csv.delimiter), ord(csv.quote) if csv.quote else None)


@dataclass
class _Input:
    """The file from the first record not yet handed out, which begins at `kept[at]`."""

    file: BinaryIO
    kept: bytes = b""
    at: int = 0
    line: int = 1
    ended: bool = False

    def window(self, size: int) -> bytes:
        """The next `size` bytes, or all there is, then with a newline at its end."""
        if len(self.kept) - self.at < size and not self.ended:
            parts = [self.kept[self.at :]]
            have = len(parts[0])
            while have < size and not self.ended:
                block = self.file.read(max(size - have, _READ))
                parts.append(block)
                have += len(block)
                self.ended = not block
            if self.ended and have and not next(part for part in reversed(parts) if part).endswith(b"\n"):
                parts.append(b"\n")
            self.kept, self.at = b"".join(parts), 0
        return self.kept[self.at : self.at + size] if self.at or size < len(self.kept) else self.kept

    def skip(self, mark: bytes) -> None:
        if self.window(len(mark)) == mark:
            self.at += len(mark)

    def header(self, csv: Csv, uri: str) -> list[str]:
        """The first record's fields. A header that cannot be read makes the whole file unreadable."""
        head = self.window(_READ)
        if not head.strip():
            raise Broken("file.unreadable", "the file is empty: there is not even a header", uri)
        names, end = _split_header(head, csv)
        if not end:
            line = head[: head.find(b"\n")][:_SAID].decode(_codec(csv), "replace")
            raise Broken("file.unreadable", f"the header's quotes are wrong: {line}", uri)
        self.line += head.count(b"\n", 0, end)
        self.at += end
        return names

    def records(self, dialect: Dialect, fields: int) -> Iterator[list[Found]]:
        """Everything, in batches of about a block."""
        size, batch, weight = WINDOW, list[Found](), 0
        while window := self.window(size):
            last = self.ended and self.at + len(window) == len(self.kept)
            found = scan(window, dialect, fields, self.line, last)
            if not found.used and len(window) < RECORD:
                size = 2 * len(window)
                continue
            if found.used:
                self.at += found.used
            else:
                found = self._give_up(window)
            self.line += found.newlines
            size = _SMALL if found.hurt else min(2 * size, WINDOW)
            batch.append(found)
            weight += found.used
            if weight > BLOCK - WINDOW:
                yield batch
                batch, weight = [], 0
        if batch:
            yield batch

    def _give_up(self, window: bytes) -> Found:
        """The first line of a record that does not end: ragged. Of a line that does not end either, the start."""
        end = window.find(b"\n")
        text = window[:end].removesuffix(b"\r") if end >= 0 else window[:_KEEP]
        while end < 0 and window:
            self.at += len(window)
            window = self.window(BLOCK)
            end = window.find(b"\n")
        self.at += end + 1
        return Found(b"", np.empty(0, np.int64), [(self.line, text)], len(text), 1, True)


def _split_header(head: bytes, csv: Csv) -> tuple[list[str], int]:
    """The fields of the first record and where the next one begins: 0 when its quotes are not legal."""
    names, at, sign = list[str](), 0, csv.delimiter.encode()
    quote = csv.quote.encode() if csv.quote else None
    while sign == csv.delimiter.encode():
        if quote and head.startswith(quote, at):
            end = head.find(quote, at + 1)
            while end >= 0 and head.startswith(quote, end + 1):
                end = head.find(quote, end + 2)
            if end < 0:
                return [], 0
            text, at = head[at + 1 : end].replace(quote * 2, quote), end + 1
        else:
            end = min(i for i in (head.find(csv.delimiter.encode(), at), head.find(b"\n", at)) if i >= 0)
            text, at = head[at:end], end
            if head.startswith(b"\n", at) and text.endswith(b"\r"):
                text = text[:-1]
            if quote and quote in text:
                return [], 0
        names.append(text.decode(_codec(csv)))
        at += head.startswith(b"\r\n", at)
        sign = head[at : at + 1]
        at += 1
    return (names, at) if sign == b"\n" else ([], 0)


def _codec(csv: Csv) -> str:
    return "utf-8" if csv.encoding == "utf-8-sig" else csv.encoding


def _parse(batch: list[Found], csv: Csv, names: list[str], schema: Schema, uri: str) -> pl.DataFrame:
    good = batch[0].good if len(batch) == 1 else b"".join(found.good for found in batch)
    lines = batch[0].lines if len(batch) == 1 else np.concatenate([found.lines for found in batch])
    frame = finish(_values(good, csv, names), schema, uri, pl.Series(lines, dtype=pl.Int64))
    ragged = [(line, text.decode(_codec(csv), "replace")) for found in batch for line, text in found.ragged]
    if not ragged:
        return frame
    return pl.concat([frame, problems(schema, uri, "file.ragged_line", ragged)], how="diagonal")


def _values(good: bytes, csv: Csv, names: list[str]) -> pl.DataFrame:
    """Records that the structural pass has proved."""
    if not good:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    if _codec(csv) != "utf-8":
        good = good.decode(_codec(csv)).encode()
    standin = None
    if csv.null and csv.quote and (said := f"{csv.quote}{csv.null}{csv.quote}".encode()) in good:
        # Polars takes a quoted null text for null too; under another name it comes through as the text it is.
        standin = _STANDIN
        good = good.replace(said, f"{csv.quote}{standin}{csv.quote}".encode())
    if good.startswith(_BOM):
        good = _BOM + good  # Polars takes one off; this one is part of a value
    frame = pl.read_csv(
        good,
        has_header=False,
        schema=dict.fromkeys(names, pl.String),
        separator=csv.delimiter,
        quote_char=csv.quote,
        null_values=csv.null or None,
        empty_string_is_null=csv.null == "",
        extra_columns="raise",
    )
    if standin is not None:
        frame = frame.with_columns(pl.all().str.replace_all(standin, csv.null or "", literal=True))
    return frame
