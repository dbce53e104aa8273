"""A response's body, whole or not at all.

httpx took half a gzip body for the whole of it (25,113 of 50,000 lines, status 200), read only the first member of
a multi-member one, and let 0.3 MB become 300 MB. So the body is counted and unpacked here, and gzip's own trailer
says whether it is complete.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from sluice.errors import Broken, Transient

_GZIP = 16 + zlib.MAX_WBITS


def read_body(chunks: Iterable[bytes], encoding: str, max_body: int, where: str) -> bytes:
    """The unpacked body. Too large, before or after unpacking, is Broken; cut short is Transient."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        parts, size = [], 0
        for chunk in chunks:
            size += len(chunk)
            if size > max_body:
                raise _too_large(max_body, "", where)
            parts.append(chunk)
        return b"".join(parts)
    if encoding not in ("gzip", "x-gzip"):
        raise Broken("source.protocol", f"content-encoding {encoding!r}, though we accept gzip only", where)
    return _unpack(chunks, max_body, where)


def _unpack(chunks: Iterable[bytes], max_body: int, where: str) -> bytes:
    parts: list[bytes] = []
    packed = unpacked = 0
    member = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        packed += len(chunk)
        if packed > max_body:
            raise _too_large(max_body, "", where)
        while chunk:
            if member.eof:
                chunk = chunk.lstrip(b"\0")  # gzip files may be padded with zeros
                if not chunk:
                    break
                member = zlib.decompressobj(_GZIP)
            try:
                part = member.decompress(chunk, max_body - unpacked + 1)
            except zlib.error as error:
                raise Transient("source.protocol", f"a damaged gzip body ({error})", where) from error
            unpacked += len(part)
            if unpacked > max_body:
                raise _too_large(max_body, " unpacked", where)
            parts.append(part)
            chunk = member.unused_data if member.eof else member.unconsumed_tail
    if packed and not member.eof:
        raise cut_short("the gzip stream has no trailer", where)
    return b"".join(parts)


def cut_short(how: str, where: str) -> Transient:
    """The body broke off: worth another try."""
    return Transient("source.protocol", f"the body is cut short: {how}", where, "", cut_short=True)


def _too_large(max_body: int, state: str, where: str) -> Broken:
    what = f"a body of more than {max_body:,} bytes{state}"
    return Broken("source.too_large", what, where, "ask for smaller pages, or raise `max_body`")
