"""What the ledger says of a product: its publications, and the attempts that did not become one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from sluice.errors import SluiceError
from sluice.lake import ledger, naming
from sluice.lake.commit import commit
from sluice.lake.table import Snapshot
from sluice.model.facts import Fact
from sluice.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Publication(Fact):
    """One interval of a product as one commit let it out."""

    product: str
    interval: str
    version: int
    at: str
    run: str
    outcome: str  # published | degraded
    facts: dict[str, Any]  # rows, checks, metrics, diff, inputs, fingerprint, caveats
    commit: dict[str, Any]  # what holds for the whole commit: reason, contract, code, actor


@dataclass(frozen=True, slots=True)
class Attempt(Fact):
    """A run that did not publish or land, and why."""

    subject: str
    interval: str
    at: str
    run: str
    code: str
    disposition: str
    what: str
    where: str = ""
    remedy: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


ATTEMPTS_SCHEMA = pl.Schema(
    {
        "subject": pl.String(), "interval": pl.String(), "at": pl.Datetime("us", "UTC"), "run": pl.String(),
        "code": pl.String(), "disposition": pl.String(), "what": pl.String(), "where": pl.String(),
        "remedy": pl.String(), "detail": pl.String(),
    }
)  # fmt: skip


def app(product: str, interval: str) -> str:
    """The application whose version two runs of one interval compete for."""
    return f"publish/{product}/{interval}"


def newest(
    ws: Workspace, product: str, intervals: Iterable[str], gold: Snapshot | None = None
) -> dict[str, Publication]:
    """The standing publication of each interval that has one. Looks no further back than it must."""
    gold = gold or ws.gold(product).snapshot()
    wanted = {i for i in intervals if gold and gold.transaction(app(product, i))}
    found: dict[str, Publication] = {}
    if not wanted:
        return found
    for publication in publications(ws, product, gold):
        if publication.interval in wanted:
            wanted.discard(publication.interval)
            found[publication.interval] = publication
            if not wanted:
                break
    return found


def publications(ws: Workspace, product: str, gold: Snapshot | None = None) -> Iterator[Publication]:
    """Every publication of a product, newest first."""
    for entry in ledger.entries(gold or ws.gold(product).snapshot()):
        if entry.facts.get("kind") != "publish":
            continue
        commit_facts = {k: v for k, v in entry.facts.items() if k != "intervals"}
        for label, facts in sorted(entry.facts["intervals"].items(), reverse=True):
            yield Publication(
                product=product,
                interval=label,
                version=entry.version,
                at=entry.facts.get("at", entry.at.isoformat()),
                run=entry.facts["run"],
                outcome=facts["outcome"],
                facts=facts,
                commit=commit_facts,
            )


def record(ws: Workspace, attempt: Attempt) -> None:
    """Writes an attempt into the lake, so that it is known with the orchestrator gone."""
    table = ws.lake.table("attempts", attempt.subject)
    row = attempt.as_dict() | {
        "at": datetime.fromisoformat(attempt.at),
        "detail": json.dumps(attempt.detail, default=str, sort_keys=True),
    }
    frame = pl.DataFrame([row], schema=ATTEMPTS_SCHEMA)
    run = f"{attempt.run}-{naming.digest(attempt.interval, attempt.code, attempt.at)[:8]}"
    file = table.write(frame, naming.file_name(naming.content(frame), run, 0))
    commit(table, ATTEMPTS_SCHEMA, run=run, add=[file], metadata={"kind": "attempt", "code": attempt.code})


def failed(ws: Workspace, subject: str, interval: str, run: str, error: SluiceError) -> Attempt:
    """An attempt as an error tells it."""
    return Attempt(
        subject=subject,
        interval=interval,
        at=ws.now().isoformat(),
        run=run,
        code=error.code,
        disposition=error.disposition,
        what=error.what,
        where=error.where,
        remedy=error.remedy,
        detail={**error.facts, **ws.signature()},
    )


def attempts(ws: Workspace, subject: str, intervals: Iterable[str] | None = None) -> list[Attempt]:
    """The recorded attempts, newest first."""
    snapshot = ws.lake.table("attempts", subject).snapshot()
    if snapshot is None:
        return []
    rows = snapshot.scan()
    if intervals is not None:
        rows = rows.filter(pl.col("interval").is_in(list(intervals)))
    return [
        Attempt.from_dict(row | {"at": row["at"].isoformat(), "detail": json.loads(row["detail"])})
        for row in rows.sort("at", descending=True).collect().iter_rows(named=True)
    ]
