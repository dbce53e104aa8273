"""Compressed files, expanded and proved whole before the first row is read.

zlib and zstd readers hand out what they have and end in silence when the rest is missing: half a file would look like
a small one. So a compressed file is expanded into a temporary file first; only a stream that ends where it should
gets parsed, and none grows past the cap (a few hundred bytes can hold a gigabyte).
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from sluice.errors import Broken

_BLOCK = 4 * 1024 * 1024
_SIP = 2 * 1024  # of zstd: at 128 KiB out of 4 bytes in, at most 64 MiB come of it at once


@contextmanager
def expanded(file: BinaryIO, uri: str, room: Path, cap: int) -> Iterator[BinaryIO]:
    """The file itself, or its expanded copy in `room`. Broken for what is cut short, damaged or too large."""
    blocks = _gzip if uri.endswith(".gz") else _zstd if uri.endswith(".zst") else None
    if blocks is None:
        yield file
        return
    with (room / "expanded").open("w+b") as copy:
        try:
            for block in blocks(file):
                if copy.tell() + len(block) > cap:
                    raise Broken("file.unreadable", f"it expands to more than {cap} bytes", uri, "raise `max_bytes`")
                copy.write(block)
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise Broken("file.unreadable", f"the compressed stream is damaged or cut short: {error}", uri) from error
        copy.seek(0)
        yield copy


def _gzip(file: BinaryIO) -> Iterator[bytes]:
    """All members, each with its checksum and length."""
    with gzip.GzipFile(fileobj=file) as stream:
        while block := stream.read(_BLOCK):
            yield block
        if file.tell() == 0:
            raise EOFError("there is not even a header")


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    frame, fresh = zstandard.ZstdDecompressor().decompressobj(), True
    pending = seen = b""
    while pending or (pending := file.read(_SIP)):
        seen = pending
        yield frame.decompress(pending)
        pending, fresh = b"", False
        if frame.eof:
            pending = frame.unused_data
            frame, fresh = zstandard.ZstdDecompressor().decompressobj(), True
    if not fresh or not seen:
        raise EOFError("the last frame does not end")


def check_encoding(file: BinaryIO, encoding: str, uri: str) -> None:
    """Broken with the byte offset unless every byte is text in `encoding`. Costs 0.1 CPU s per GB of ASCII."""
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    decoder, offset = codecs.getincrementaldecoder(name)("strict"), 0
    pending = 0
    while block := file.read(_BLOCK):
        if pending or not block.isascii():
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                raise _misread(uri, encoding, offset - pending + error.start, error.reason) from error
            pending = len(decoder.getstate()[0])
        offset += len(block)
    if pending:
        raise _misread(uri, encoding, offset - pending, "the file ends within a character")
    file.seek(0)


def _misread(uri: str, encoding: str, offset: int, why: str) -> Broken:
    return Broken("file.unreadable", f"not {encoding} at byte {offset}: {why}", uri, "set csv.encoding")
