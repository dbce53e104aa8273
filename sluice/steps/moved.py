"""Keys that moved to another day: an order re-dated must leave its old partition, or it is counted twice.

Deduplication looks at one group of days. So the days to refine are closed under shared keys: where a key of a
touched day also stands in another partition of silver, that day is refined again too, in the same group.
"""

from __future__ import annotations

import polars as pl

from sluice.lake.table import Snapshot
from sluice.model.source import SourceContract
from sluice.quality import cast


def closed(
    contract: SourceContract, bronze: Snapshot, silver: Snapshot | None, days: set[str]
) -> tuple[set[str], list[set[str]]]:
    """All days to refine, and the sets of them that share a key."""
    if not contract.key or not contract.event_time or contract.event_time_fixed or not days:
        return days, []
    together: list[set[str]] = []
    while True:
        keys = _keys(contract, bronze, days)
        elsewhere = _elsewhere(contract, silver, keys, days)
        if not elsewhere:
            break
        days = days | elsewhere
    if len(days) > 1:
        shared = (
            _keys(contract, bronze, days)
            .group_by(contract.key)
            .agg(pl.col("_event_on").unique())
            .filter(pl.col("_event_on").list.len() > 1)
            .select(pl.col("_event_on").list.sort())
            .unique()
            .collect(engine="streaming")
        )
        for (group,) in shared.iter_rows():
            together = _joined(together, {day.isoformat() for day in group})
    return days, together


def _keys(contract: SourceContract, bronze: Snapshot, days: set[str]) -> pl.LazyFrame:
    """Key and day of every whole-keyed bronze row of these days."""
    schema = bronze.schema
    keys = [cast.typed(k, contract.columns[k], schema[k], contract.timezone) for k in contract.key if k in schema]
    if len(keys) < len(contract.key):
        return pl.LazyFrame(
            schema={**{k: contract.columns[k].parsed.polars() for k in contract.key}, "_event_on": pl.Date}
        )
    wanted = pl.Series(sorted(days)).str.to_date()
    files = bronze.files()
    if "max._event_on" in bronze.actions.columns:
        files = bronze.files((pl.col("max._event_on") >= wanted.min()) & (pl.col("min._event_on") <= wanted.max()))
    rows = bronze.scan(files).filter(pl.col("_event_on").is_in(wanted.implode()) & pl.col("_problem").is_null())
    return rows.select(*keys, "_event_on").drop_nulls()


def _elsewhere(contract: SourceContract, silver: Snapshot | None, keys: pl.LazyFrame, days: set[str]) -> set[str]:
    """Other days whose silver partition holds one of these keys; file statistics keep most partitions out of it."""
    if silver is None:
        return set()
    others = [f for f in silver.files() if f.partition not in days]
    first = contract.key[0]
    if others and f"min.{first}" in silver.actions.columns:
        low, high = keys.select(pl.col(first).min().alias("low"), pl.col(first).max().alias("high")).collect().row(0)
        if low is None:
            return set()
        near = silver.files(
            (pl.col(f"max.{first}") >= low) & (pl.col(f"min.{first}") <= high) | pl.col(f"max.{first}").is_null()
        )
        paths = {f.path for f in others}
        others = [f for f in near if f.path in paths]
    if not others:
        return set()
    found = (
        silver.scan(others)
        .select(*contract.key, "_event_on")
        .join(keys.select(contract.key), on=contract.key, how="semi")
        .select(pl.col("_event_on").unique())
        .collect(engine="streaming")
    )
    return {day.isoformat() for day in found["_event_on"]}


def _joined(groups: list[set[str]], days: set[str]) -> list[set[str]]:
    touching = [g for g in groups if g & days]
    return [g for g in groups if not g & days] + [set().union(days, *touching)]
