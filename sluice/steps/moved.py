"""Keys that moved to another day: an order re-dated must leave its old partition, or it is counted twice.

Deduplication looks at one group of days. So the days to refine are closed under shared keys: where a key of a
touched day also stands in another partition of silver or quarantine, that day is refined again too, in the same
group. (Quarantine counts: a bad correction rejects the order, and its old day must not bring the old row back.)
And where a replaced file took a key away, the days that still have a row of it are refined again: one of those rows
is the latest now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from typing import Any

import polars as pl

from sluice.lake.table import ActiveFile, Snapshot
from sluice.model.source import SourceContract
from sluice.quality import cast


def closed(
    contract: SourceContract,
    bronze: Snapshot,
    standing: Iterable[Snapshot | None],
    days: set[str],
    *,
    withdrawn: bool,
    keys_at_once: int,
) -> tuple[set[str], list[set[str]]]:
    """All days to refine, and the sets of them that share a key. `withdrawn`: rows were taken away from bronze."""
    if not _moves(contract) or not days:
        return days, []
    tables = [t for t in standing if t is not None and set(contract.key) <= set(t.schema)]
    if withdrawn:
        days = days | _left_behind(contract, bronze, tables, days)
    while True:
        keys = _keys(contract, bronze, days)
        elsewhere = set().union(*(_elsewhere(contract, table, keys, days) for table in tables))
        if not elsewhere:
            break
        days = days | elsewhere
    together: list[set[str]] = []
    if len(days) > 1:
        keys = _keys(contract, bronze, days)
        parts = -(-sum(file.rows for file in rows_of(bronze, days)[0]) // keys_at_once)
        for (group,) in chain.from_iterable(_shared(contract, keys, part, parts) for part in range(parts)):
            together = _joined(together, {day.isoformat() for day in group})
    return days, together


def bound_together(
    contract: SourceContract, silver: Snapshot | None, made: pl.DataFrame, days: set[str]
) -> list[set[str]]:
    """The days between which a key moves now: replacing one of them and keeping the other doubles or loses it."""
    if silver is None or not _moves(contract):
        return []
    now = silver.scan(silver.in_partitions(sorted(days))).select(*contract.key, was="_event_on")
    moves = (
        now.join(made.lazy().select(*contract.key, "_event_on"), on=contract.key)
        .filter(pl.col("was") != pl.col("_event_on"))
        .select("was", "_event_on")
        .unique()
        .collect()
    )
    together: list[set[str]] = []
    for was, is_now in moves.iter_rows():
        together = _joined(together, {was.isoformat(), is_now.isoformat()})
    return together


def _moves(contract: SourceContract) -> bool:
    # Without an event time a row is of the day it landed: then every change moves it.
    return bool(contract.key and not (contract.event_time and contract.event_time_fixed))


def _left_behind(contract: SourceContract, bronze: Snapshot, tables: list[Snapshot], days: set[str]) -> set[str]:
    """Other days with a row of a key that stands in these days, and that bronze has in them no more."""
    if any(key not in bronze.schema for key in contract.key):
        return set()
    standing = [_typed(contract, t, t.in_partitions(sorted(days))) for t in tables]
    gone = (
        pl.concat([keys.select(contract.key) for keys in standing])
        .join(_keys(contract, bronze, days), on=contract.key, how="anti")
        .collect()
    )
    if not gone.height:
        return set()
    rows = _typed(contract, bronze, bronze.files(), pl.col("_problem").is_null())
    return _days_of(rows.join(gone.lazy(), on=contract.key, how="semi"))


def _keys(contract: SourceContract, bronze: Snapshot, days: set[str]) -> pl.LazyFrame:
    """Key and day of every whole-keyed bronze row of these days."""
    if any(key not in bronze.schema for key in contract.key):
        return pl.LazyFrame(
            schema={**{k: contract.columns[k].parsed.polars() for k in contract.key}, "_event_on": pl.Date}
        )
    files, of_days = rows_of(bronze, days)
    return _typed(contract, bronze, files, of_days & pl.col("_problem").is_null())


def rows_of(bronze: Snapshot, days: Iterable[str]) -> tuple[list[ActiveFile], pl.Expr]:
    """Where the rows of these days are. The span is said too: row groups are skipped by it, and not by a set."""
    wanted = pl.Series(sorted(days)).str.to_date()
    low, high = wanted[0], wanted[-1]
    day = pl.col("_event_on")
    return files_touching(bronze, low, high), day.is_between(low, high) & day.is_in(wanted.implode())


def files_touching(bronze: Snapshot, low: Any, high: Any) -> list[ActiveFile]:
    """Bronze's files that may hold rows of these days; one without statistics may."""
    if "max._event_on" not in bronze.actions.columns:
        return bronze.files()
    touching = (pl.col("max._event_on") >= low) & (pl.col("min._event_on") <= high)
    return bronze.files(touching | pl.col("max._event_on").is_null())


def _typed(
    contract: SourceContract, table: Snapshot, files: list[ActiveFile], where: pl.Expr | None = None
) -> pl.LazyFrame:
    """Key and day of the whole-keyed rows of these files, in the key's types: bronze and quarantine hold text."""
    rows = table.scan(files)
    keys = [cast.typed(k, contract.columns[k], table.schema[k], contract.timezone) for k in contract.key]
    return (rows if where is None else rows.filter(where)).select(*keys, "_event_on").drop_nulls()


def _shared(contract: SourceContract, keys: pl.LazyFrame, part: int, parts: int) -> Iterator[tuple[list[date]]]:
    """The sets of days that have a key in common. Repeated keys are looked for by their hashes first: grouping the
    six million keys of a first landing took a fifth of refining, and twice its memory. Where there are more keys than
    fit, a part of all hashes at a time: equal keys are in the same one."""
    hashed = pl.struct(contract.key).hash()
    keys = keys if parts == 1 else keys.filter(hashed % parts == part)
    hashes = keys.select(hash=hashed).collect(engine="streaming")["hash"].sort()
    repeated = hashes.filter(hashes == hashes.shift(1)).unique()
    if not repeated.len():
        return iter(())
    return (
        keys.filter(hashed.is_in(repeated.implode()))
        .group_by(contract.key)
        .agg(pl.col("_event_on").unique().sort())
        .filter(pl.col("_event_on").list.len() > 1)
        .select("_event_on")
        .unique()
        .collect()
        .iter_rows()
    )


def _elsewhere(contract: SourceContract, table: Snapshot, keys: pl.LazyFrame, days: set[str]) -> set[str]:
    """Other days whose partition holds one of these keys; file statistics keep most partitions out of it."""
    others = [f for f in table.files() if f.partition not in days]
    first = contract.key[0]
    if others and f"min.{first}" in table.actions.columns and table.schema[first] == keys.collect_schema()[first]:
        low, high = keys.select(pl.col(first).min().alias("low"), pl.col(first).max().alias("high")).collect().row(0)
        if low is None:
            return set()
        near = table.files(
            (pl.col(f"max.{first}") >= low) & (pl.col(f"min.{first}") <= high) | pl.col(f"max.{first}").is_null()
        )
        paths = {f.path for f in others}
        others = [f for f in near if f.path in paths]
    if not others:
        return set()
    return _days_of(_typed(contract, table, others).join(keys, on=contract.key, how="semi"))


def _days_of(rows: pl.LazyFrame) -> set[str]:
    found = rows.select(pl.col("_event_on").unique()).collect(engine="streaming")
    return {day.isoformat() for day in found["_event_on"]}


def _joined(groups: list[set[str]], days: set[str]) -> list[set[str]]:
    touching = [g for g in groups if g & days]
    return [g for g in groups if not g & days] + [set().union(days, *touching)]
