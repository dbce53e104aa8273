"""Paging styles: each knows its first request and, from a page, the next one.

A style never trusts a short page to be the last one: a server may cap the page size below what was asked for.
It goes on until the API says so (no next, a total reached) or a page is empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

from sluice.errors import Broken, Transient
from sluice.model.source import CursorPaging, HttpSource, LinkHeader, NextUrl, Offset, PageNumber
from sluice.sources.http.url import follow, with_params
from sluice.sources.json_rows import Document

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*!-]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """What a pager may look at."""

    url: str
    where: str
    headers: dict[str, str]
    document: Document
    count: int


class Pager(Protocol):
    def first(self, url: str) -> str:
        """The first page's URL."""
        ...

    def after(self, page: Page) -> str | None:
        """The next page's URL; None when `page` was the last. Errors say how the API broke its protocol."""
        ...


@dataclass(frozen=True)
class Range:
    """A stretch of numbered pages or offsets, [start, stop) in records; `stop` is None for the open end."""

    start: int = 0
    stop: int | None = None
    size: int = 0  # records on a page, as the server really sends them; 0: as the contract asks
    total: int | None = None  # what the API said when the stretch was planned


class Numbered:
    """Page numbers and offsets. Where the API tells a total, the records are counted against it."""

    def __init__(self, style: PageNumber | Offset, stretch: Range) -> None:
        self._style, self._stretch = style, stretch
        self._size = stretch.size or style.size
        self._at = stretch.start
        self._read = 0
        self._total = stretch.total

    def first(self, url: str) -> str:
        self._url = url
        return self._ask()

    def after(self, page: Page) -> str | None:
        self._read += page.count
        numbered = isinstance(self._style, PageNumber)
        if page.count > self._size and (self._style.size_param or self._total is not None):
            what = f"a page of {page.count} records, though {self._size} were asked for"
            raise Broken("source.protocol", what, page.where, "set `size` and `size_param` as the API has them")
        self._at += self._size if numbered else page.count
        if (total := told_total(self._style, page.document, self._size)) is not None:
            if self._total is not None and total < self._total:
                raise _drift(f"the total fell from {self._total} to {total} while we read", page)
            self._total = total
        if self._is_last(page):
            self._reconcile(page)
            return None
        return self._ask()

    def _is_last(self, page: Page) -> bool:
        end = self._end()
        return page.count == 0 or (end is not None and self._at >= end)

    def _end(self) -> int | None:
        """Where the stretch ends, in records."""
        ends = [e for e in (self._stretch.stop, self._total) if e is not None]
        return min(ends) if ends else None

    def _reconcile(self, page: Page) -> None:
        end = self._end()
        if end is None:
            return
        expected = max(0, end - self._stretch.start)
        if self._style.total and self._read != expected:
            raise _drift(f"the total promises {expected} records in this stretch; there were {self._read}", page)
        if page.count == 0 and self._at < end:
            raise _drift("a page is empty that should not be the last", page)

    def _ask(self) -> str:
        style = self._style
        if isinstance(style, PageNumber):
            params = {style.param: str(style.first + self._at // self._size)}
            if style.size_param:
                params[style.size_param] = str(style.size)
        else:
            end = self._stretch.stop
            size = self._size if end is None else min(self._size, end - self._at)
            params = {style.param: str(self._at), style.size_param: str(size)}
        return with_params(self._url, params)


class Chained:
    """Each page names the next: a cursor, a URL in the body, or a Link header."""

    def __init__(self, style: CursorPaging | NextUrl | LinkHeader) -> None:
        self._style = style
        self._seen: set[int] = set()

    def first(self, url: str) -> str:
        if isinstance(self._style, CursorPaging) and self._style.size_param:
            url = with_params(url, {self._style.size_param: str(self._style.size)})
        self._seen.add(hash(url))
        return url

    def after(self, page: Page) -> str | None:
        url = self._next(page)
        if url is None:
            return None
        if hash(url) in self._seen:
            what = "the next page is one we have read: the cursor repeats"
            raise Broken("source.protocol", what, page.where, "ask the source's owner: its paging goes in a circle")
        self._seen.add(hash(url))
        return url

    def _next(self, page: Page) -> str | None:
        style = self._style
        if isinstance(style, LinkHeader):
            reference = linked(page.headers.get("link", ""), style.rel)
            return follow(page.url, reference) if reference else None
        value = page.document.at(style.next)
        if value is None or value is False or value == "":
            return None
        if isinstance(style, CursorPaging):
            if isinstance(value, dict | list | bool):
                raise self._odd(page, style.next)
            return with_params(page.url, {style.param: str(value)})
        if not isinstance(value, str):
            raise self._odd(page, style.next)
        return follow(page.url, value)

    def _odd(self, page: Page, path: str) -> Broken:
        return Broken("source.protocol", f"{path!r} is neither text nor a number", page.where, "check `paging.next`")


class Single:
    """One page is all there is."""

    def first(self, url: str) -> str:
        return url

    def after(self, page: Page) -> str | None:
        return None


def pager(source: HttpSource, stretch: Range) -> Pager:
    """A fresh pager for one read."""
    style = source.paging
    if isinstance(style, PageNumber | Offset):
        return Numbered(style, stretch)
    return Chained(style) if isinstance(style, CursorPaging | NextUrl | LinkHeader) else Single()


def told_total(style: PageNumber | Offset, document: Document, size: int) -> int | None:
    """The total number of records that the body tells; from a number of pages, the most it can be."""
    if style.total:
        return _whole(document, style.total)
    if isinstance(style, PageNumber) and style.total_pages:
        return _whole(document, style.total_pages) * size
    return None


def stretches(source: HttpSource, document: Document, count: int) -> list[Range]:
    """The page ranges that share out what the first page says there is; the last one has an open end.

    Rows that arrive between planning and reading are read by the open end; rows that vanish are drift.
    """
    style = source.paging
    assert isinstance(style, PageNumber | Offset)
    size = style.size
    if style.total and 0 < count < size and count < _whole(document, style.total):
        size = count  # the server caps its pages
    total = told_total(style, document, size)
    if total is None:
        return [Range()]
    step = size * source.splits.pages
    starts = [i * step for i in range(max(1, ceil(total / step)))]
    return [Range(start, start + step if start != starts[-1] else None, size, total) for start in starts]


def linked(header: str, rel: str) -> str | None:
    """The target with that relation in a Link header (RFC 8288); commas inside <> belong to the URL."""
    for target, attributes in _LINK.findall(header):
        for quoted, bare in _REL.findall(attributes):
            if rel.lower() in (quoted or bare).lower().split():
                return str(target)
    return None


def _whole(document: Document, path: str) -> int:
    value: Any = document.at(path)
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        what = f"no count at {path!r}, which the contract names as the total"
        raise Broken("source.protocol", what, document.where, "check `paging.total`")
    return value


def _drift(what: str, page: Page) -> Transient:
    remedy = "read again; if it stays, the API's total is wrong: ask its owner, or leave `total` out"
    return Transient("source.protocol", f"page drift: {what}", page.where, remedy)
