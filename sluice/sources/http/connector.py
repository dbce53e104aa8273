"""`kind: http`: a JSON API, read page by page.

One split is one stretch of pages, read in order by one client with one deadline. Paging styles are in
`paging.py`, the request with its retries in `client.py`, the classes of errors in `classify.py`, hosts and
URLs in `url.py`, the socket's deadline and address check in `net.py`, JSON in `json_rows.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from sluice.errors import Broken, Misconfigured
from sluice.model.facts import Plan, Position, Split
from sluice.model.interval import Calendar, Interval
from sluice.model.source import HttpSource, Offset, PageNumber
from sluice.sources.base import Reach
from sluice.sources.http.client import Client
from sluice.sources.http.paging import Page, Range, pager, stretches
from sluice.sources.http.params import filled, names
from sluice.sources.http.url import join, with_params
from sluice.sources.json_rows import frame

_CHUNK_ROWS = 50_000
_EMPTY_PAGES = 100  # with a next page each: filtering APIs send a few of them in a row, an endless cursor all of them


def connect(source: HttpSource, reach: Reach) -> HttpConnector:
    """The connector; asks nothing of the network yet."""
    base = source.base_url or reach.address(source.connection or "")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        remedy = "give a URL like https://api.example.com/v2; credentials belong into `auth`"
        raise Misconfigured("settings.connection", "the base URL is not usable", source.source, remedy)
    if source.position.mode == "interval" and "start" not in names(source):
        what = "position mode interval needs a param with {start}: else each interval would get all rows"
        raise Misconfigured("catalog.invalid", what, source.source, "add for example `params: {since: '{start}'}`")
    return HttpConnector(source, reach, join(base, source.path))


@dataclass(frozen=True)
class HttpConnector:
    source: HttpSource
    reach: Reach
    url: str

    def plan(self, position: Position | None, want: tuple[Interval, ...], landed: Callable[[str, str], bool]) -> Plan:
        """One split per stretch of pages; in mode interval for each wanted interval, with its label as unit; in mode
        full with the unit `full`.

        Numbered paging with a total is cut into stretches of `splits.pages` pages by one request per plan or
        interval. What follows a cursor or a link cannot be cut, and is one split.

        Mode cursor: an API cannot be asked for its highest value, so the plan's position is
        `Position("cursor", None)`, and whoever lands the rows takes the highest value of the position's column among
        them, capped at now. A split has the position it starts from in its spec, the overlap already taken off.
        """
        if self.source.position.mode == "interval":
            splits = [split for interval in want for split in self._cut(interval.label, interval, None)]
            return Plan(tuple(splits), self._reached(position, want))
        if self.source.position.mode == "cursor":
            since = position.value if position else None
            return Plan(tuple(self._cut(None, None, since)), Position("cursor", None))
        return Plan(tuple(self._cut("full", None, None)), None)

    def read(self, split: Split) -> Iterator[pl.DataFrame]:
        """The split's pages, gathered into frames of about 50,000 rows."""
        url = with_params(self.url, split.spec["params"])
        frames: list[pl.DataFrame] = []
        rows = 0
        with self._client() as client:
            for landed in self._pages(client, url, Range(**split.spec["range"])):
                frames.append(landed)
                rows += landed.height
                if rows >= _CHUNK_ROWS:
                    yield _gathered(frames)
                    frames, rows = [], 0
        if frames:
            yield _gathered(frames)

    def probe(self, rows: int = 20) -> pl.DataFrame:
        """The first page of one live request; in mode interval, of yesterday."""
        interval = None
        if self.source.position.mode == "interval":
            days = Calendar("day", self.source.timezone)
            interval = days.before(days.holding(self.reach.now()))
        url = with_params(self.url, filled(self.source, interval, None))
        with self._client() as client:
            _, document = client.get(pager(self.source, Range()).first(url))
            return frame(document, self.source.records, self.source.columns).head(rows)

    def _client(self) -> Client:
        return Client(self.source, self.url, self.reach.secret)

    def _reached(self, position: Position | None, want: tuple[Interval, ...]) -> Position | None:
        """The end of the latest interval, not past now and never back."""
        ends = [min(interval.end, self.reach.now()) for interval in want]
        if position is not None and position.value is not None:
            ends.append(datetime.fromisoformat(position.value))
        if not ends:
            return position
        return Position("interval", max(ends).astimezone(UTC).isoformat(timespec="microseconds"))

    def _cut(self, unit: str | None, interval: Interval | None, position: str | None) -> list[Split]:
        params = filled(self.source, interval, position)
        ranges = [Range()]
        style = self.source.paging
        if isinstance(style, PageNumber | Offset) and (style.total or getattr(style, "total_pages", None)):
            with self._client() as client:
                _, document = client.get(pager(self.source, Range()).first(with_params(self.url, params)))
            ranges = stretches(self.source, document, len(document.records(self.source.records)))
        return [self._split(unit, params, stretch, number, len(ranges)) for number, stretch in enumerate(ranges, 1)]

    def _split(self, unit: str | None, params: dict[str, str], stretch: Range, number: int, of: int) -> Split:
        name = unit or "cursor"
        spec = {"params": params, "range": asdict(stretch)}
        return Split(f"{name}-{number:04d}", f"{name}, part {number} of {of}" if of > 1 else name, spec, unit)

    def _pages(self, client: Client, url: str, stretch: Range) -> Iterator[pl.DataFrame]:
        pages = pager(self.source, stretch)
        following: str | None = pages.first(url)
        former: list[Any] = []
        empty = 0
        for number in count(1):
            assert following is not None
            answer, document = client.get(following)
            records = document.records(self.source.records)
            empty = 0 if records else empty + 1
            if (len(records) > 1 and records == former) or empty > _EMPTY_PAGES:
                what = f"page {number} repeats the page before" if records else f"{empty} empty pages in a row"
                remedy = "the paging does not end: compare `paging` with the API's documentation, or name its total"
                raise Broken("source.protocol", what, answer.where, remedy)
            former = records
            if records:
                yield frame(document, self.source.records, self.source.columns)
            following = pages.after(Page(answer.url, answer.where, answer.headers, document, len(records)))
            if following is None:
                return


def _gathered(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Pages may differ in their unknown columns: the union of them, contract columns first."""
    return pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
