"""Where a source stands: how far it was read, what was set aside, and what went wrong since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from sluice.lake import ledger
from sluice.lake.log import Log
from sluice.lake.table import Snapshot
from sluice.model.facts import Fact
from sluice.model.interval import Calendar, Interval
from sluice.ops.intervals import Setback
from sluice.ops.words import count, listed
from sluice.quality.sieve import WHOLE_FILE
from sluice.steps.land import position_of
from sluice.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SourceState(Fact):
    """One source, from its tables' logs."""

    source: str
    kind: str
    position: str | None
    landed_at: str | None
    landed_rows: int
    refused: dict[str, str] = field(default_factory=dict)  # day -> why its newest rows are not in silver
    rejected: int = 0  # by the newest refining
    refined_rows: int = 0
    failure: Setback | None = None  # newer than the last landing


def source_state(ws: Workspace, source: str, setbacks: Iterable[tuple[str, Setback]]) -> SourceState:
    """`setbacks` are the source's recorded attempts with their interval, empty for the source as a whole."""
    contract = ws.catalog.source(source)
    bronze = ws.bronze(source).log()
    position = position_of(bronze)
    landed = next((e for e in ledger.entries(bronze) if e.facts.get("kind") == "land" and e.facts["rows"]), None)
    refined = _refinings(ws.silver(source).log())
    last: dict[str, Any] = next(refined, {})
    counts = last.get("counts", {}).values()
    landed_at = landed.facts.get("at", landed.at.isoformat()) if landed else None
    failures = [each for interval, each in setbacks if not interval]
    newest = max(failures, key=lambda each: datetime.fromisoformat(each.at), default=None)
    if newest and landed_at and datetime.fromisoformat(newest.at) <= datetime.fromisoformat(landed_at):
        newest = None
    return SourceState(
        source=source,
        kind=contract.kind,
        position=(position.value if position else None) or (contract.position.mode if landed else None),
        landed_at=landed_at,
        landed_rows=landed.facts["rows"] if landed else 0,
        refused={day: refusal["what"] for day, refusal in sorted(last.get("refused", {}).items())},
        rejected=sum(c["quarantined"] for c in counts),
        refined_rows=sum(c["in"] for c in counts),
        failure=newest,
    )


def days(ws: Workspace, source: str, interval: Interval) -> list[str]:
    """The source's local days that an interval covers."""
    calendar = Calendar("day", ws.catalog.source(source).timezone)
    return [i.label for i in calendar.between(calendar.holding(interval.start).start, interval.end)]


def day_counts(silver: Snapshot | None, days: Iterable[str]) -> dict[str, dict[str, int]]:
    """How the rows of each day added up, in the newest refining of that day that this version of silver holds."""
    wanted = set(days)
    found: dict[str, dict[str, int]] = {}
    for facts in _refinings(silver) if wanted else ():
        for day in wanted & facts["counts"].keys():
            found[day] = facts["counts"][day]
        wanted -= found.keys()
        if not wanted:
            break
    return dict(sorted(found.items()))


def files_set_aside(ws: Workspace, sources: Sequence[str], since: datetime) -> list[str]:
    """One sentence per source and reason: whole files that landed since then and could not be used."""
    said = []
    for name in sources:
        snapshot = ws.quarantine(name).snapshot() if ws.catalog.source(name).kind == "files" else None
        if snapshot is None:
            continue
        files = (
            snapshot.scan()
            .filter((pl.col("_landed_at") >= since) & pl.col("_line").is_null())  # a torn line has its number
            .select("_origin", pl.col("_reasons").list.first().alias("reason"))
            .filter(pl.col("reason").is_in(WHOLE_FILE))
            .unique()
            .sort("reason", "_origin")
            .collect()
        )
        for (reason,), group in files.group_by("reason", maintain_order=True):
            names = [str(origin).rsplit("/", 1)[-1] for origin in group["_origin"]]
            were = "was" if len(names) == 1 else "were"
            said.append(f"{count(len(names), 'file')} of {name} {were} set aside ({reason}): {listed(names, 3)}.")
    return said


def _refinings(silver: Snapshot | Log | None) -> Iterator[dict[str, Any]]:
    """What each refining said of itself, newest first."""
    return (e.facts for e in ledger.entries(silver) if e.facts.get("kind") == "refine")
