"""What lies in quarantine: how much by rule, and which rows, from where, with the values that are at fault."""

from __future__ import annotations

from typing import Any

import polars as pl

from sluice.errors import CODES, Misconfigured
from sluice.model.contract import Column
from sluice.model.source import SourceContract
from sluice.ops.words import listed
from sluice.quality.rules import set_rules, source_rules
from sluice.steps.workspace import Workspace


def summary(ws: Workspace, sources: list[str]) -> list[dict[str, Any]]:
    """Rows and days by source and rule; a row that breaks two rules counts for both."""
    told: list[dict[str, Any]] = []
    for name in sources:
        snapshot = ws.quarantine(name).snapshot()
        if snapshot is None:
            continue
        rows = (
            snapshot.scan()
            .select("_reasons", "_event_on", "_landed_at")
            .explode("_reasons")
            .group_by(pl.col("_reasons").alias("rule"))
            .agg(
                pl.len().alias("rows"),
                pl.col("_event_on").n_unique().alias("days"),
                pl.col("_landed_at").min().alias("first"),
                pl.col("_landed_at").max().alias("last"),
            )
            .sort("rows", "rule", descending=[True, False])
            .collect()
        )
        means = meanings(ws.catalog.source(name))
        for row in rows.iter_rows(named=True):
            at = {"first_landed": row.pop("first").isoformat(), "last_landed": row.pop("last").isoformat()}
            told.append({"source": name, **row, **at, "means": means.get(row["rule"], CODES.get(row["rule"], ""))})
    return told


def rejects(ws: Workspace, source: str, day: str | None, rule: str | None, limit: int) -> dict[str, Any]:
    """The rows in quarantine, newest day first, with their number in all."""
    contract = ws.catalog.source(source)
    snapshot = ws.quarantine(source).snapshot()
    found: dict[str, Any] = {"source": source, "rows": 0, "shown": []}
    if snapshot is None:
        return found
    files = snapshot.files() if day is None else snapshot.in_partitions([_day(day)])
    rows = snapshot.scan(files)
    if rule is not None:
        rows = rows.filter(pl.col("_reasons").list.contains(rule))
    found["rows"] = rows.select(pl.len()).collect().item()
    order = ["_event_on", "_landed_at", "_origin", "_line"]
    page = rows.sort(order, descending=[True, True, False, False], nulls_last=True).head(limit).collect()
    guilty = _columns(contract)
    found["shown"] = [_told(row, contract, guilty) for row in page.iter_rows(named=True)]
    return found


def meanings(contract: SourceContract) -> dict[str, str]:
    """What each rule says: in its author's words, or in the column's own declaration."""
    told: dict[str, str] = {}
    for name, column in contract.columns.items():
        told[f"type:{name}"] = f"not a {column.type}"
        told[f"null:{name}"] = "a value is missing"
        told[f"one_of:{name}"] = f"none of {listed([str(v) for v in column.one_of or ()])}"
        told[f"range:{name}"] = _range(column)
        told[f"regex:{name}"] = f"does not match {column.regex}"
        told[f"nan:{name}"] = "not a finite number"
    return told | {rule.id: rule.description or rule.expect for rule in contract.rules}


def _range(column: Column) -> str:
    if column.min is not None and column.max is not None:
        return f"not between {column.min} and {column.max}"
    return f"below {column.min}" if column.max is None else f"above {column.max}"


def _told(row: dict[str, Any], contract: SourceContract, guilty: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    reasons = row["_reasons"]
    columns = list(dict.fromkeys(c for reason in reasons for c in _at_fault(reason, guilty) if c in row))
    return {
        "rules": reasons,
        "day": row["_event_on"].isoformat(),
        "origin": row["_origin"],
        "line": row["_line"],
        "key": {k: row[k] for k in contract.key if k in row},
        "values": {c: row[c] for c in columns},
        "raw": row.get("_raw"),
        "batch": row["_batch"],
        "landed_at": row["_landed_at"].isoformat(),
    }


def _at_fault(reason: str, guilty: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """`type:total` and its kin name their column; the contract's own rules know theirs."""
    return guilty.get(reason) or ((reason.partition(":")[2],) if ":" in reason else ())


def _columns(contract: SourceContract) -> dict[str, tuple[str, ...]]:
    alone = {rule.id: rule.columns for rule in source_rules(contract)}
    return alone | {rule.id: rule.columns for rule in set_rules(contract)}


def _day(text: str) -> str:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Misconfigured(
            "settings.invalid", f"{text!r} is not a day", "--for", "Write it like 2026-05-02."
        ) from error
