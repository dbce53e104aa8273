"""kind: postgres. Relations and queries of a PostgreSQL database, by cursor, by interval or whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg2 import sql

from sluice.errors import Misconfigured
from sluice.model.facts import Plan, Position, Split
from sluice.sources.postgres.columns import Landing, describe, landings, to_frame
from sluice.sources.postgres.copy import copy_frames
from sluice.sources.postgres.plan import plan_cursor, plan_full, plan_interval
from sluice.sources.postgres.session import place, session
from sluice.sources.postgres.sql import check_query, condition, origin

if TYPE_CHECKING:
    from sluice.model.interval import Interval
    from sluice.model.source import PostgresSource
    from sluice.sources.base import Reach

MOST_ROWS = 250_000  # of one frame; narrow rows reach it before a chunk of bytes is full


def connect(source: PostgresSource, reach: Reach) -> PostgresConnector:
    check_query(source)
    if source.position.mode == "files":
        raise Misconfigured("catalog.invalid", "kind postgres reads by cursor, interval or full", source.source)
    return PostgresConnector(source, reach)


@dataclass(frozen=True)
class PostgresConnector:
    """Holds no connection and no address: each call opens a session and asks for the address only then."""

    source: PostgresSource
    reach: Reach

    def plan(self, position: Position | None, want: tuple[Interval, ...], landed: Callable[[str, str], bool]) -> Plan:
        source, now = self.source, self.reach.now()
        with session(source, self.reach) as connection, connection.cursor() as cursor:
            server = describe(cursor, origin(source, {}))
            _, notices = landings(source, server)
            if source.position.mode == "cursor":
                found = plan_cursor(cursor, source, position, now)
            elif source.position.mode == "interval":
                assert source.event_time is not None
                event = server[source.columns[source.event_time].source_name or source.event_time]
                found = plan_interval(cursor, source, event.type, position, want, now)
            else:
                found = plan_full(cursor, source)
        return replace(found, notices=(*notices, *found.notices))

    def read(self, split: Split) -> Iterator[pl.DataFrame]:
        with self._select(split.spec) as (connection, select, columns):
            where = condition(self.source, split.spec)
            yield from self._frames(connection, sql.SQL("{} WHERE {}").format(select, where), columns)

    def probe(self, rows: int = 20) -> pl.DataFrame:
        with self._select({}) as (connection, select, columns):
            some = sql.SQL("{} LIMIT {}").format(select, sql.Literal(rows))
            empty = pl.DataFrame(schema={each.name: each.read for each in columns})
            return pl.concat([to_frame(empty, columns, ""), *self._frames(connection, some, columns)])

    @contextmanager
    def _select(self, spec: dict[str, Any]) -> Iterator[tuple[Any, sql.Composable, list[Landing]]]:
        with session(self.source, self.reach) as connection:
            relation = origin(self.source, spec)
            with connection.cursor() as cursor:
                columns, _ = landings(self.source, describe(cursor, relation))
            listed = sql.SQL(", ").join(each.select for each in columns)
            yield connection, sql.SQL("SELECT {} FROM {}").format(listed, relation), columns

    def _frames(self, connection: Any, select: sql.Composable, columns: list[Landing]) -> Iterator[pl.DataFrame]:
        name = place(self.source)
        for raw in copy_frames(connection, select, columns, name):
            yield from to_frame(raw, columns, name).iter_slices(MOST_ROWS)
