"""Query parameters: {start}, {end} and {position} filled in.

`{start}` is an instant in UTC, as 2026-05-01T19:00:00Z. With a strftime format, as `{start:%Y-%m-%d}`, it is said in
the contract's own time zone: that is where its days begin.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sluice.errors import Misconfigured
from sluice.model.interval import Interval
from sluice.model.source import Cursor, HttpSource

_HOLE = re.compile(r"\{(start|end|position)(?::([^{}]+))?\}")


def filled(source: HttpSource, interval: Interval | None, position: str | None) -> dict[str, str]:
    """The contract's params; one whose {position} is not known yet is left out."""
    known: dict[str, date | str | None] = {"position": None}
    if interval is not None:
        known |= {"start": interval.start, "end": interval.end}
    if position is not None and isinstance(source.position, Cursor):
        known["position"] = _back(source, position)
    zone = ZoneInfo(source.timezone)
    params: dict[str, str] = {}
    for name, template in source.params.items():
        text = str(template).lower() if isinstance(template, bool) else str(template)
        holes = [match[1] for match in _HOLE.finditer(text)]
        if strange := [hole for hole in holes if hole not in known]:
            what = f"params.{name} has {{{strange[0]}}}, which position mode {source.position.mode} does not know"
            raise Misconfigured("catalog.invalid", what, source.source, "use {start} and {end} with mode interval")
        if all(known[hole] is not None for hole in holes):
            params[name] = _HOLE.sub(lambda match: _said(known[match[1]], match[2], zone), text)
    return params


def names(source: HttpSource) -> set[str]:
    """Which of the three the contract's params use."""
    return {match[1] for template in source.params.values() for match in _HOLE.finditer(str(template))}


def _back(source: HttpSource, position: str) -> date | str:
    """The position less the overlap, when it is a point in time; a number is taken as it is."""
    assert isinstance(source.position, Cursor)
    overlap = source.position.overlap or timedelta(0)
    kind = source.columns[source.position.column].parsed.name
    if kind not in ("date", "timestamp"):
        return position
    moment = datetime.fromisoformat(position)
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - overlap
    return moment.date() if kind == "date" else moment


def _said(value: date | str | None, form: str | None, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        utc = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return value.astimezone(zone).strftime(form) if form else utc
    if isinstance(value, date):
        return value.strftime(form) if form else value.isoformat()
    return str(value)
