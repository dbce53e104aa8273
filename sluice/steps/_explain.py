"""How a number came to be: one interval of a product traced back to its inputs, their versions and their rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from sluice.lake.table import Snapshot
from sluice.model.interval import Interval
from sluice.steps._sources import day_counts
from sluice.steps.publications import Publication, history
from sluice.steps.standing import Standing, recorded
from sluice.steps.workspace import Workspace

_ORIGINS = 5  # named of each input; the others are counted


def explain(ws: Workspace, product: str, interval: Interval) -> dict[str, Any]:
    """What readers see of the interval and why; for one that is not there, why not."""
    contract = ws.catalog.product(product)
    standing = Standing(ws)
    state = standing.states(product, [interval])[0]
    publications = list(history(ws, product, interval.label, standing.gold(product)))
    told = {
        "product": product,
        "interval": interval.label,
        "start": interval.start.isoformat(),
        "end": interval.end.isoformat(),
        "state": state.state,
        "note": state.note,
        "setback": state.setback.as_dict() if state.setback else None,
        "publication": None,
        "earlier": [_brief(p) for p in publications[1:]],
        "attempts": [each.as_dict() for _, each in recorded(ws, product, [interval.label])],
    }
    if not publications:
        return told
    now = {"contract": contract.hash, "code": ws.catalog.code_hash(product)}
    shown = publications[0]
    return told | {"publication": _publication(shown, now), "inputs": _inputs(ws, product, shown)}


def _publication(publication: Publication, now: dict[str, str]) -> dict[str, Any]:
    facts, commit = publication.facts, publication.commit
    checks = facts["checks"]
    return {
        **_brief(publication),
        "verdict": facts["verdict"],
        "caveats": facts["caveats"],
        "checks": {
            "passed": sum(1 for c in checks if c["success"]),
            "failed": [c for c in checks if not c["success"]],
        },
        "metrics": facts["metrics"],
        "diff": facts["diff"],
        "contract": {**commit["contract"], "changed_since": commit["contract"]["hash"] != now["contract"]},
        "code": {"hash": commit["code"], "changed_since": commit["code"] != now["code"]},
        "sluice": commit.get("sluice"),
        "flow_run": commit.get("flow_run"),
        "built": commit.get("path"),
    }


def _brief(publication: Publication) -> dict[str, Any]:
    """What tells one publication from another."""
    commit = publication.commit
    return {
        "version": publication.version,
        "at": publication.at,
        "run": publication.run,
        "actor": commit.get("actor"),
        "why": commit.get("reason"),
        "outcome": publication.outcome,
        "rows": publication.facts["rows"],
        "sentence": publication.facts["reason"],
    }


def _inputs(ws: Workspace, product: str, publication: Publication) -> list[dict[str, Any]]:
    """Each input in the version that was read; for a source also how its rows add up and where they came from."""
    contract = ws.catalog.product(product)
    told = []
    for name, reading in publication.facts["inputs"].items():
        each = contract.inputs.get(name)
        facts = {
            "name": name,
            **{k: reading[k] for k in ("table", "version", "partitions", "rows", "content", "refused")},
            "as_of": each.as_of if each else None,
        }
        layer, _, table = reading["table"].partition(".")
        if layer == "silver" and reading["version"] is not None:
            snapshot = ws.silver(table).snapshot(reading["version"])
            facts |= _traced(snapshot, reading["partitions"]) if snapshot else {}
        told.append(facts)
    return told


def _traced(silver: Snapshot, partitions: list[str]) -> dict[str, Any]:
    days = day_counts(silver, partitions)
    rows = silver.scan(silver.in_partitions(partitions))
    origins = (
        rows.group_by("_batch", "_origin")
        .agg(pl.len().alias("rows"), pl.col("_landed_at").max().alias("landed_at"))
        .sort("rows", "_batch", "_origin", descending=[True, False, False])
        .collect()
    )
    named = origins.head(_ORIGINS).rename({"_batch": "batch", "_origin": "origin"})
    return {
        "days": days,
        "conserved": {k: sum(c[k] for c in days.values()) for k in ("in", "silver", "quarantined", "superseded")},
        "origins": [row | {"landed_at": row["landed_at"].isoformat()} for row in named.iter_rows(named=True)],
        "origins_more": max(0, origins.height - _ORIGINS),
        "batches": origins["_batch"].n_unique(),
    }
