"""The SQL a PostgreSQL source needs. Values are literals quoted by libpq, names are quoted identifiers; the only text
taken as SQL is the contract's own query.

Instants are bound as untyped literals in the contract's zone with its offset (`'2026-05-02 00:00:00+05:00'`). The
column's type decides how PostgreSQL reads them: `timestamptz` takes the instant, `timestamp` ignores the offset and
takes the local time, `date` the local day. One literal is right for all three, and an index can be used.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from psycopg2 import sql

from sluice.errors import Misconfigured

if TYPE_CHECKING:
    from sluice.model.source import PostgresSource

_TOKEN = re.compile(
    r"""(?: [eE]'(?:\\.|''|[^'\\])*' | '(?:''|[^'])*' | "(?:""|[^"])*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
          | --[^\n]* | /\*.*?\*/ | :: )
      | :(?P<name>start|end|position)\b
      | (?P<semicolon>;(?!\s*\Z))""",
    re.VERBOSE | re.DOTALL,
)
_MAY_NAME = {"full": set(), "cursor": {"position"}, "interval": {"start", "end"}}


def check_query(source: PostgresSource) -> None:
    """A query is one statement (COPY sends it where a second would run too) and names what its position mode has."""
    if source.query is None:
        return
    mode = source.position.mode
    for token in _TOKEN.finditer(source.query):
        if token["semicolon"]:
            raise Misconfigured("catalog.invalid", "the query is more than one statement", source.source)
        if token["name"] and token["name"] not in _MAY_NAME.get(mode, set()):
            raise Misconfigured(
                "catalog.invalid",
                f"the query names :{token['name']}, which position mode {mode} does not have",
                source.source,
                "interval has :start and :end, cursor has :position, full has none",
            )


def origin(source: PostgresSource, spec: dict[str, Any]) -> sql.Composable:
    """What stands after FROM: the relation, or the query with the split's values bound."""
    if source.relation is not None:
        return sql.Identifier(*source.relation.split("."))
    assert source.query is not None
    query = source.query.strip().rstrip(";")
    values = {"start": spec.get("start"), "end": spec.get("end"), "position": spec.get("position")}
    parts: list[sql.Composable] = []
    done = 0
    for token in _TOKEN.finditer(query):
        if name := token["name"]:
            value = values[name]
            if value is None:  # the first read of a cursor, or a probe
                value = "infinity" if name == "end" else _lowest(source)
            typed = value if name != "position" else typed_position(source, value)
            parts += [sql.SQL(query[done : token.start()]), sql.Literal(typed)]
            done = token.end()
    # the line break ends a comment on the query's last line
    return sql.SQL("(") + sql.Composed([*parts, sql.SQL(query[done:])]) + sql.SQL("\n) AS q")


def condition(source: PostgresSource, spec: dict[str, Any]) -> sql.Composable:
    """The rows of a split. Ranges are half-open; the first and last are open-ended and the first has the null keys,
    so that a row which arrives between plan and read is always in one of them."""
    found: list[sql.Composable] = []
    if (position := spec.get("position")) is not None:
        # >=, not >: a row with the very same cursor value may be committed after the last read
        pattern = sql.SQL("({0} >= {1} OR {0} IS NULL)")
        found.append(pattern.format(cursor_column(source), sql.Literal(typed_position(source, position))))
    if "start" in spec:
        assert source.event_time is not None
        pattern = sql.SQL("{0} >= {1} AND {0} < {2}")
        event = column(source, source.event_time)
        found.append(pattern.format(event, sql.Literal(spec["start"]), sql.Literal(spec["end"])))
    if source.splits.by is not None:
        key = column(source, source.splits.by)
        low, high = spec.get("from"), spec.get("to")
        if low is not None:
            found.append(sql.SQL("{} >= {}").format(key, sql.Literal(low)))
        if high is not None:
            pattern = sql.SQL("({0} < {1} OR {0} IS NULL)") if low is None else sql.SQL("{0} < {1}")
            found.append(pattern.format(key, sql.Literal(high)))
    return sql.SQL(" AND ").join(found) if found else sql.SQL("true")


def column(source: PostgresSource, name: str) -> sql.Identifier:
    return sql.Identifier(source.columns[name].source_name or name)


def cursor_column(source: PostgresSource) -> sql.Identifier:
    assert source.position.mode == "cursor"
    return column(source, source.position.column)


def bound(instant: datetime, timezone: str, server_type: str) -> str:
    """An instant as the literal of a bound. A day belongs to the interval that holds its midnight: rounded up."""
    zone = ZoneInfo(timezone)
    if server_type == "date":  # by way of the instant before, because in some zones a midnight does not exist
        return ((instant - timedelta(microseconds=1)).astimezone(zone).date() + timedelta(days=1)).isoformat()
    return instant.astimezone(zone).isoformat(sep=" ", timespec="microseconds")


def typed_position(source: PostgresSource, value: str) -> str | int:
    """Numbers go unquoted: a quoted bigint would be taken for the column's own, perhaps narrower, type."""
    return int(value) if _counts(source) else value


def lower_bound(source: PostgresSource, value: str) -> str:
    """Where reading begins again after `value`: the overlap earlier. Overlap is a duration, so numbers have none."""
    assert source.position.mode == "cursor"
    overlap = source.position.overlap or timedelta(0)
    kind = source.columns[source.position.column].parsed.name
    if kind == "date":
        return (datetime.combine(date.fromisoformat(value), datetime.min.time()) - overlap).date().isoformat()
    if kind == "timestamp":
        return bound(datetime.fromisoformat(value) - overlap, source.timezone, "timestamptz")
    return value


def _lowest(source: PostgresSource) -> str:
    return str(-(2**63)) if _counts(source) else "-infinity"


def _counts(source: PostgresSource) -> bool:
    """Whether the cursor is a number."""
    mode = source.position
    return mode.mode == "cursor" and source.columns[mode.column].parsed.name.startswith("int")
