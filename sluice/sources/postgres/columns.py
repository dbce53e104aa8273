"""How each column of a PostgreSQL relation becomes a column of the landing frame.

The server sends text where text is exact (numeric, dates, json, arrays) and Polars reads it back; instants come as
numbers. A value the contract's type cannot hold becomes null, and its row a problem row that keeps the value as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg2 import sql

from sluice.errors import Broken
from sluice.model.columns import ColumnType
from sluice.model.facts import Notice
from sluice.sources.postgres.session import place

if TYPE_CHECKING:
    from sluice.model.source import PostgresSource

OURS = {"_origin", "_line", "_problem", "_raw", "_batch", "_landed_at", "_event_on"}
_INTEGERS = ("int2", "int4", "int8")
_INSTANT = "%Y-%m-%d %H:%M:%S%.f"


@dataclass(frozen=True)
class ServerColumn:
    """A column as the server's catalog knows it. `item` is an array's element type; `text` any kind of string."""

    name: str
    type: str
    text: bool = False
    item: ServerColumn | None = None
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        return f"{self.item.type}[]" if self.item else self.type


@dataclass(frozen=True)
class Landing:
    """One column on its way: what to select, how its CSV text is read, and what it then becomes."""

    name: str
    select: sql.Composable
    read: pl.DataType
    final: pl.Expr


def describe(cursor: Any, relation: sql.Composable) -> dict[str, ServerColumn]:
    """The columns of a relation or query by name, with their types from the server's catalog."""
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(relation))
    columns = cursor.description or ()
    cursor.execute(
        "SELECT t.oid, t.typname, t.typcategory, e.typname, e.typcategory FROM pg_catalog.pg_type t "
        "LEFT JOIN pg_catalog.pg_type e ON t.typcategory = 'A' AND e.oid = t.typelem WHERE t.oid = ANY(%s)",
        ([each.type_code for each in columns],),
    )
    types = {oid: rest for oid, *rest in cursor.fetchall()}
    found: dict[str, ServerColumn] = {}
    for each in columns:
        name, category, item, item_category = types[each.type_code]
        element = ServerColumn(each.name, item, item_category in "SE") if item else None
        found[each.name] = ServerColumn(each.name, name, category in "SE", element, each.precision, each.scale)
    return found


def landings(source: PostgresSource, server: Mapping[str, ServerColumn]) -> tuple[list[Landing], list[Notice]]:
    """Match the contract with what the server has; Broken when a promise cannot be kept."""
    where = place(source)
    wanted = {source.event_time, source.splits.by, source.latest_by, *source.key}
    if source.position.mode == "cursor":
        wanted.add(source.position.column)
    found, notices = [], []
    for name, column in source.columns.items():
        theirs = server.get(column.source_name or name)
        if theirs is None:
            near = get_close_matches(column.source_name or name, list(server), 1)
            what = f"column {column.source_name or name!r} is not in the source"
            hint = f"the nearest name there is {near[0]!r}" if near else f"the source has {', '.join(server)}"
            if not column.nullable or name in wanted:
                raise Broken("contract.missing_column", what, where, f"{hint}; rename it there or use `from:` here")
            notices.append(Notice("missing_column", f"{what}; {hint}", where))
            continue
        landing = _landing(name, column.parsed, theirs, source.timezone)
        if landing is None:
            raise Broken(
                "contract.type_drift",
                f"column {theirs.name!r} is {theirs} in the source, which does not fit {column.type}",
                where,
                "change the contract's type (string always fits), or ask the owner of the database",
            )
        found.append(landing)
    if not found:
        what = f"none of the contract's columns is in the source, which has {', '.join(server) or 'no columns'}"
        raise Broken("contract.missing_column", what, where, "check the relation, and the columns' `from:` names")
    known = {column.source_name or name for name, column in source.columns.items()}
    for name in server:
        if name in known:
            continue
        kept = source.unknown_columns != "drop" and name not in OURS and name not in source.columns
        notices.append(Notice("unknown_column", f"column {name!r} is not in the contract", where))
        if kept:
            found.append(_plain(name, sql.SQL("{}::text").format(sql.Identifier(name)), pl.String()))
    return found, notices


def to_frame(raw: pl.DataFrame, columns: Sequence[Landing], origin: str) -> pl.DataFrame:
    """Text as it came -> the landing frame. Values that do not fit are looked for only where nulls appeared."""
    typed = raw.select([each.final for each in columns])
    spoilt = [c.name for c in columns if typed[c.name].null_count() != raw[c.name].null_count()]
    problem: pl.Expr | pl.Series = pl.lit(None, pl.String)
    kept = problem
    if spoilt:
        lost = raw.select([pl.when(typed[name].is_null()).then(pl.col(name).cast(pl.String)) for name in spoilt])
        rows = [{name: text for name, text in row.items() if text is not None} for row in lost.iter_rows(named=True)]
        problem = pl.Series([f"type:{next(iter(row))}" if row else None for row in rows], dtype=pl.String)
        kept = pl.Series([json.dumps(row, ensure_ascii=False) if row else None for row in rows], dtype=pl.String)
    return typed.with_columns(
        pl.lit(origin).alias("_origin"),
        pl.lit(None, pl.Int64).alias("_line"),
        problem.alias("_problem"),
        kept.alias("_raw"),
    )


def _plain(name: str, select: sql.Composable, read: pl.DataType) -> Landing:
    return Landing(name, select, read, pl.col(name))


def _landing(name: str, ours: ColumnType, theirs: ServerColumn, timezone: str) -> Landing | None:
    """None when no reading of their type gives ours."""
    column = sql.Identifier(theirs.name)
    as_text = sql.SQL("{}::text").format(column)
    if ours.name == "array":
        assert ours.item is not None
        return _array(name, ours.item, theirs, as_text)
    if theirs.item is not None or theirs.type in ("record", "hstore"):
        as_json = sql.SQL("to_json({})::text").format(column)
        return {"json": _plain(name, as_json, pl.String()), "string": _plain(name, as_text, pl.String())}.get(ours.name)
    if ours.name == "string" or (ours.is_text and (theirs.text or theirs.type in _TEXT_FROM[ours.name])):
        return _plain(name, as_text, pl.String())
    if ours.name == "bool" and theirs.type == "bool":
        return _plain(name, as_text, pl.Boolean())
    if ours.name.startswith("int"):
        return _integer(name, ours, theirs, as_text)
    if ours.name.startswith("float"):
        exact = ("float4", "int2") if ours.name == "float32" else ("float4", "float8", "numeric", "int2", "int4")
        double = sql.SQL("{}::float8").format(column)  # 0.1::float4 is 0.10000000149…, not the 0.1 its text says
        landing = Landing(name, double, pl.Float64(), pl.col(name).cast(ours.polars()))
        return landing if theirs.type in exact else None
    if ours.name == "decimal":
        return _decimal(name, ours, theirs, as_text)
    if ours.name == "date" and theirs.type == "date":
        # Polars' cache of dates it has seen costs twice what reading them again does.
        return Landing(name, as_text, pl.String(), pl.col(name).str.to_date("%Y-%m-%d", strict=False, cache=False))
    if ours.name == "timestamp" and theirs.type in _IN_ZONE:
        return _instant(name, column, theirs, timezone)
    return None


_TEXT_FROM = {"uuid": ("uuid",), "json": ("json", "jsonb")}
_IN_ZONE = {
    "timestamptz": "{0}",
    "timestamp": "({0} AT TIME ZONE {1})",
    "date": "({0}::timestamp AT TIME ZONE {1})",
}


def _instant(name: str, column: sql.Composable, theirs: ServerColumn, timezone: str) -> Landing:
    """As microseconds since 1970: Polars needs 270 ns to read a timestamp's text, and 7 for a number. For two
    centuries only, in which they are exact even where the server (before 14) counts in doubles. What lies outside,
    such as `infinity` and the year 9999, comes as UTC text."""
    instant = sql.SQL(_IN_ZONE[theirs.type]).format(column, sql.Literal(timezone))
    select = sql.SQL(
        "CASE WHEN {column} >= '1900-01-01' AND {column} < '2100-01-01' "
        "THEN (extract(epoch FROM {instant}) * 1000000)::bigint::text "
        "ELSE ({instant} AT TIME ZONE 'UTC')::text END"
    ).format(column=column, instant=instant)
    counted = pl.col(name).cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC"))
    others = pl.when(counted.is_null()).then(pl.col(name))
    read = others.str.to_datetime(_INSTANT, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    return Landing(name, select, pl.String(), pl.coalesce(counted, read).alias(name))


def _integer(name: str, ours: ColumnType, theirs: ServerColumn, as_text: sql.Composable) -> Landing | None:
    if theirs.type in _INTEGERS:
        return Landing(name, as_text, pl.Int64(), pl.col(name).cast(ours.polars(), strict=False))
    if theirs.type == "numeric" and theirs.scale == 0 and theirs.precision:
        return Landing(name, as_text, pl.String(), pl.col(name).cast(ours.polars(), strict=False))
    return None


def _decimal(name: str, ours: ColumnType, theirs: ServerColumn, as_text: sql.Composable) -> Landing | None:
    value = pl.col(name).cast(ours.polars(), strict=False)  # null for NaN and for too many digits
    if theirs.type in _INTEGERS:
        return Landing(name, as_text, pl.String(), value)
    if theirs.type != "numeric":
        return None
    if theirs.precision and theirs.scale is not None and 0 <= theirs.scale <= ours.scale:
        return Landing(name, as_text, pl.String(), value)
    # The cast rounds 1.005 to 1.00 without a word: more digits than ours behind the point do not fit.
    trimmed = sql.SQL("trim_scale({})::text").format(sql.Identifier(theirs.name))
    too_fine = pl.col(name).str.contains(rf"\.\d{{{ours.scale + 1}}}")
    return Landing(name, trimmed, pl.String(), pl.when(~too_fine).then(value).alias(name))


def _array(name: str, item: ColumnType, theirs: ServerColumn, as_text: sql.Composable) -> Landing | None:
    """As JSON text, which refining decodes."""
    if theirs.type in ("json", "jsonb"):
        return _plain(name, as_text, pl.String())
    if theirs.item is None or _landing(name, item, theirs.item, "UTC") is None:
        return None
    return _plain(name, sql.SQL("to_json({})::text").format(sql.Identifier(theirs.name)), pl.String())
