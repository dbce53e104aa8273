"""What changed between two versions of an interval: rows by key, cells by column, metrics."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from sluice.errors import Broken, Misconfigured
from sluice.lake.table import Snapshot
from sluice.model.interval import Interval
from sluice.model.product import ProductContract
from sluice.quality import formulas
from sluice.steps.publications import newest
from sluice.steps.workspace import Workspace

SHOWN = 20
_NTH = "_nth"  # tells rows of one key apart, where a contract lets a key come twice


def difference(ws: Workspace, product: str, interval: Interval, against: int | None = None) -> dict[str, Any]:
    """The version readers see against version `against`, or against what readers saw of the interval before it."""
    contract = ws.catalog.product(product)
    gold = ws.gold(product).snapshot()
    publication = newest(ws, product, [interval.label], gold).get(interval.label)
    if gold is None or publication is None:
        raise Misconfigured(
            "settings.invalid", f"{product} {interval} has never been published", "--for",
            f"`sluice explain {product} --for {interval}` says why.",
        )  # fmt: skip
    if against is not None and against > gold.version:
        raise Misconfigured(
            "settings.invalid", f"gold.{product} has no version {against}: its newest is {gold.version}", "--against",
            f"`sluice explain {product} --for {interval}` lists the versions of the interval.",
        )  # fmt: skip
    if against is None:
        against = publication.facts["diff"]["against"]
    new = _rows(ws.gold(product).snapshot(publication.version), contract, interval)
    old = _rows(ws.gold(product).snapshot(against) if against is not None else None, contract, interval)
    before, after = (formulas.metrics(contract.metrics, frame.lazy()) for frame in (old, new))
    return {
        "product": product,
        "interval": interval.label,
        "version": publication.version,
        "against": against,
        "rows": [old.height, new.height],
        "metrics": {name: [_text(before[name]), _text(after[name])] for name in contract.metrics},
        **compared(old, new, contract.output.key),
    }


def compared(old: pl.DataFrame, new: pl.DataFrame, key: list[str]) -> dict[str, Any]:
    """Exact counts, and the first changes of each kind in the order of the key."""
    place = pl.int_range(pl.len()).over(key).alias(_NTH)
    old, new = old.with_columns(place), new.with_columns(place)
    on = [*key, _NTH]
    added = new.join(old, on=on, how="anti", nulls_equal=True)
    removed = old.join(new, on=on, how="anti", nulls_equal=True)
    both = new.join(old, on=on, how="inner", nulls_equal=True, suffix=".old").sort(key)
    values = [n for n in new.columns if n not in on]
    differs = {n: both[n].ne_missing(both[f"{n}.old"]) for n in values}
    columns = {n: count for n, mask in differs.items() if (count := int(mask.sum()))}
    any_differs = pl.any_horizontal([pl.lit(mask) for mask in differs.values()]) if values else pl.lit(False)
    changed = both.filter(any_differs)
    cells = [
        {"key": _plain({k: row[k] for k in key}), "column": n, "old": _text(row[f"{n}.old"]), "new": _text(row[n])}
        for row in changed.head(SHOWN).iter_rows(named=True)
        for n in values
        if not _same(row[n], row[f"{n}.old"])
    ]
    return {
        "added": added.height,
        "removed": removed.height,
        "changed": changed.height,
        "changed_columns": columns,
        "added_rows": [_plain(r) for r in added.sort(key).head(SHOWN).drop(_NTH).iter_rows(named=True)],
        "removed_rows": [_plain(r) for r in removed.sort(key).head(SHOWN).drop(_NTH).iter_rows(named=True)],
        "changes": cells[:SHOWN],
    }


def _rows(snapshot: Snapshot | None, contract: ProductContract, interval: Interval) -> pl.DataFrame:
    """The interval's rows in the contract's columns; a column that was not there yet is null."""
    wanted = {n: c.parsed.polars() for n, c in contract.output.columns.items()}
    if snapshot is None or not (files := snapshot.in_partitions([interval.label])):
        return pl.DataFrame(schema=wanted)
    have = snapshot.schema
    try:
        return (
            snapshot.scan(files)
            .select(pl.col(n) if n in have else pl.lit(None, t).alias(n) for n, t in wanted.items())
            .collect()
        )
    except FileNotFoundError as error:
        raise Broken(
            "lake.corrupt", f"the files of version {snapshot.version} of {snapshot.table} are not there any more",
            str(error), "They are kept for the contract's rollback window; compare with a version inside it.",
        ) from error  # fmt: skip


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # NaN is NaN


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | float | None) else _text(value) for name, value in row.items()}


def _text(value: Any) -> str | None:
    return None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
