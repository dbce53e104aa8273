"""What is new in a PostgreSQL source, cut into splits of about `splits.rows` rows.

A plan costs one scan of the new rows to count them, and one more over a sample when they have to be cut. The cuts are
quantiles of the sample, so that skewed keys, negative keys, gaps and text keys all give ranges of about equal size;
arithmetic between min and max does so for dense integers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from math import ceil
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from psycopg2 import sql

from sluice.model.facts import Notice, Plan, Position, Split
from sluice.sources.postgres.session import place
from sluice.sources.postgres.sql import bound, column, condition, lower_bound, origin

if TYPE_CHECKING:
    from sluice.model.interval import Interval
    from sluice.model.source import PostgresSource

SAMPLE_PER_SPLIT = 200  # a quantile is then off by about 7 % of a split
MOST_SPLITS = 10_000  # of one interval, cursor step or snapshot; beyond it the splits grow


def plan_full(cursor: Any, source: PostgresSource) -> Plan:
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(origin(source, {})))
    (rows,) = cursor.fetchone()
    splits = _splits(cursor, source, "full", {}, rows, unit="full") if rows else []
    return Plan(tuple(splits), None)


def plan_interval(
    cursor: Any,
    source: PostgresSource,
    server_type: str,
    position: Position | None,
    want: Sequence[Interval],
    now: datetime,
) -> Plan:
    """Its own splits for each interval. One that is empty still gets a split: what was landed for it before must go.
    A source without any row at all plans nothing, since that is more often an accident than the truth."""
    if not want:
        return Plan((), position)
    assert source.event_time is not None
    event = column(source, source.event_time)
    instants = sorted({edge for each in want for edge in (each.start, each.end)})
    edges = {instant: bound(instant, source.timezone, server_type) for instant in instants}
    specs = [{"start": edges[each.start], "end": edges[each.end]} for each in want]
    everything = {"start": edges[instants[0]], "end": edges[instants[-1]]}
    relation = origin(source, everything)
    cursor.execute(
        sql.SQL("SELECT EXISTS (SELECT 1 FROM {0}), EXISTS (SELECT 1 FROM {0} WHERE {1} IS NULL)").format(
            relation, event
        )
    )
    any_row, any_null = cursor.fetchone()
    if not any_row:
        return Plan(
            (), position, (Notice("empty_source", "the source has no rows at all; nothing is replaced", place(source)),)
        )
    counts = _count(cursor, source, server_type, specs, list(dict.fromkeys(edges.values())))
    splits = [
        split
        for interval, spec, rows in zip(want, specs, counts, strict=True)
        for split in _splits(cursor, source, interval.label, spec, rows, unit=interval.label)
    ]
    notices = []
    if any_null:
        what = f"rows without {source.event_time} belong to no interval and are not read"
        notices.append(Notice("null_event_time", what, place(source)))
    reached = min(instants[-1], now)
    if position is not None and position.value is not None:
        reached = max(reached, datetime.fromisoformat(position.value))
    return Plan(tuple(splits), Position("interval", _text(reached)), tuple(notices))


def plan_cursor(cursor: Any, source: PostgresSource, position: Position | None, now: datetime) -> Plan:
    """Rows from the last position on, less the overlap, which is read again even when nothing is past the position:
    what was committed late is in there. The new position is the highest cursor value that is not in the future."""
    assert source.position.mode == "cursor"
    name = source.position.column
    before = position.value if position else None
    spec = {"position": lower_bound(source, before)} if before is not None else {}
    past = _past(source, name, now)
    statement = sql.SQL(
        "SELECT count(*), count({c}), max({c}) FILTER (WHERE {past}), count({c}) FILTER (WHERE NOT {past}) "
        "FROM {o} WHERE {w}"
    )
    cursor.execute(
        statement.format(c=column(source, name), past=past, o=origin(source, spec), w=condition(source, spec))
    )
    rows, valued, highest, ahead = cursor.fetchone()
    notices = []
    if rows - valued:
        what = f"{rows - valued} rows have no {name}; they are read every time"
        notices.append(Notice("null_cursor", what, place(source)))
    if ahead:
        what = f"{ahead} rows have a {name} in the future; they are read every time and do not move the position"
        notices.append(Notice("future_cursor", what, place(source)))
    after = position or Position("cursor")
    if highest is not None:
        after = Position("cursor", _furthest(before, highest, source.columns[name].parsed.name, source.timezone))
    return Plan(tuple(_splits(cursor, source, "cursor", spec, rows)) if rows else (), after, tuple(notices))


def _splits(
    cursor: Any, source: PostgresSource, label: str, spec: dict[str, Any], rows: int, unit: str | None = None
) -> list[Split]:
    cuts = _cuts(cursor, source, spec, rows)
    if not cuts:
        return [Split(f"{label}-0000", label, spec, unit)]
    by = source.splits.by
    found = []
    for number, (low, high) in enumerate(zip([None, *cuts], [*cuts, None], strict=True)):
        piece = f"{label}, {by} from {'the first' if low is None else low} to {'the last' if high is None else high}"
        found.append(Split(f"{label}-{number:04d}", piece, {**spec, "from": low, "to": high}, unit))
    return found


def _cuts(cursor: Any, source: PostgresSource, spec: dict[str, Any], rows: int) -> list[str]:
    """The inner bounds of the ranges, as text that PostgreSQL reads back as the same key."""
    pieces = min(ceil(rows / source.splits.rows), MOST_SPLITS)
    if source.splits.by is None or pieces < 2:
        return []
    share = SAMPLE_PER_SPLIT * pieces / rows
    sampled = sql.SQL(" AND random() < {}").format(sql.Literal(share)) if share < 1 else sql.SQL("")
    cursor.execute("SELECT setseed(0.5)")  # the same rows give the same cuts: an unchanged snapshot is recognised
    cursor.execute(
        sql.SQL(
            "SELECT percentile_disc({q}) WITHIN GROUP (ORDER BY {k})::text[] FROM {o} WHERE {w} AND {k} IS NOT NULL{s}"
        ).format(
            q=sql.Literal([n / pieces for n in range(1, pieces)]),
            k=column(source, source.splits.by),
            o=origin(source, spec),
            w=condition(source, spec),
            s=sampled,
        )
    )
    (cuts,) = cursor.fetchone()
    return list(dict.fromkeys(cuts or ()))


def _count(
    cursor: Any, source: PostgresSource, server_type: str, specs: Sequence[dict[str, str]], edges: list[str]
) -> list[int]:
    """One scan for all of them: a backfill asks for hundreds of days of a table that may have no index on its time."""
    assert source.event_time is not None
    everything = {"start": edges[0], "end": edges[-1]}
    bucket = sql.SQL("width_bucket({}, {}::{}[])").format(
        column(source, source.event_time), sql.Literal(edges), sql.Identifier(server_type)
    )
    cursor.execute(
        sql.SQL("SELECT {b}, count(*) FROM {o} WHERE {w} GROUP BY 1").format(
            b=bucket, o=origin(source, everything), w=condition(source, everything)
        )
    )
    counts = dict(cursor.fetchall())
    number = {edge: n for n, edge in enumerate(edges, 1)}  # bucket n begins at edge n
    return [sum(counts.get(n, 0) for n in range(number[s["start"]], number[s["end"]])) for s in specs]


def _past(source: PostgresSource, name: str, now: datetime) -> sql.Composable:
    """The cursor values that may move the position: not in the future, and such as Python can hold."""
    if source.columns[name].parsed.name.startswith("int"):
        return sql.SQL("true")
    pattern = sql.SQL("({0} > '0001-01-02' AND {0} <= {1})")
    return pattern.format(column(source, name), sql.Literal(bound(now, source.timezone, "timestamptz")))


def _furthest(before: str | None, highest: Any, kind: str, timezone: str) -> str:
    """The exact text of the new position, which never goes back."""
    if kind == "date":
        return str(highest if before is None else max(highest, date.fromisoformat(before)))
    if kind != "timestamp":
        return str(int(highest) if before is None else max(int(highest), int(before)))
    if not isinstance(highest, datetime):  # a date column read as a timestamp: its midnight
        highest = datetime.combine(highest, time.min)
    if highest.tzinfo is None:
        # A local time that a clock change skips is no instant: take the earlier of its two readings, because a
        # position that is too far loses rows, and one that is not far enough reads a few again.
        local = highest.replace(tzinfo=ZoneInfo(timezone))
        highest = min(local.astimezone(UTC), local.replace(fold=1).astimezone(UTC))
    return _text(highest if before is None else max(highest, datetime.fromisoformat(before)))


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
