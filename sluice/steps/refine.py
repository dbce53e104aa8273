"""Refine: bronze to silver and quarantine, one event-date partition at a time, as a pure function of bronze.

`plan` finds the local days that new bronze rows touch, `refine_days` sieves some of them (any worker),
`commit_refining` replaces their partitions. Which bronze version silver stands on, and which days were refused, is in
silver's own log: a crash between any two steps is made good by the next run.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from sluice import failpoints
from sluice.lake import ledger, naming
from sluice.lake.commit import commit
from sluice.lake.table import Snapshot, Table
from sluice.model.facts import Fact, StagedFile
from sluice.model.source import SourceContract
from sluice.ops import memory
from sluice.quality.sieve import Sieved, sieve
from sluice.steps import landing, moved, room, settled
from sluice.steps.milestones import count, say, span
from sluice.steps.workspace import Workspace

log = logging.getLogger(__name__)

PARTITION = "_event_on"


@dataclass(frozen=True, slots=True)
class Refining(Fact):
    """What has to be refined again, in groups that fit in memory."""

    source: str
    run: str
    bronze_version: int | None
    expected: dict[str, int]  # table -> application version
    groups: tuple[tuple[str, ...], ...]
    contract: str
    room: int = 0  # bytes of memory that the largest group takes


@dataclass(frozen=True, slots=True)
class RefinedDays(Fact):
    """What one group of days became: staged files and counts that add up."""

    silver: dict[str, list[dict[str, Any]]]
    quarantine: dict[str, list[dict[str, Any]]]
    counts: dict[str, dict[str, int]]
    refused: dict[str, dict[str, Any]]
    reasons: dict[str, int]
    reported: dict[str, int]
    schemas: dict[str, dict[str, str]]
    cost: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Refined(Fact):
    """Silver and quarantine as they stand now."""

    source: str
    version: int | None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    cost: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def rejected(self) -> int:
        return sum(c["quarantined"] for c in self.counts.values())


def plan(ws: Workspace, source: str, run: str) -> Refining:
    """The days that bronze commits since the last refining touched, and those that were refused then. Where bronze is
    as it was, the refused are tried again under a contract that was mended."""
    contract = ws.catalog.source(source)
    bronze = ws.bronze(source).snapshot()
    settled.refuse_other_cut(contract, bronze)
    if bronze:
        bronze.refuse_strangers()
    silver, quarantine = ws.silver(source).snapshot(), ws.quarantine(source).snapshot()
    expected = {str(t.table): t.transaction(f"refine/{source}") for t in (silver, quarantine) if t}
    last = last_refining(silver)
    through, refused = (last["bronze_version"], set(last["refused"])) if last else (-1, set())
    mended = refused and last is not None and last["contract"] != contract.hash
    if bronze is None or (bronze.version == through and not mended):
        return Refining(source, run, None, expected, (), contract.hash)
    landings = list(ledger.entries(bronze, since=through))
    days = refused.union(*(entry.facts.get("dates", {}) for entry in landings))
    withdrawn = any(entry.facts.get("replaced_rows") for entry in landings)
    days, together = moved.closed(
        contract, bronze, (silver, quarantine), days, withdrawn=withdrawn, keys_at_once=ws.memory.group(memory.KEY)
    )
    groups, needed = _grouped(ws, bronze, sorted(days), together)
    return Refining(source, run, bronze.version if days else None, expected, groups, contract.hash, needed)


@room.within(lambda plan: plan.room)
def refine_days(ws: Workspace, plan: Refining, days: Sequence[str]) -> RefinedDays:
    """Sieves these days and stages their silver and quarantine files."""
    contract = ws.catalog.source(plan.source)
    settled.refuse_edited(ws, plan.source, plan.contract)
    bronze = ws.bronze(plan.source).snapshot(plan.bronze_version)
    assert bronze is not None
    sieved = sieve(_rows_of(bronze, days), contract)
    every = _counts(sieved, days)
    refused = _refusals(contract, every, sieved.refused)
    if refused:
        refused |= _dragged_along(ws, contract, sieved.silver, every, refused)
    tables = {"silver": ws.silver(plan.source), "quarantine": ws.quarantine(plan.source)}
    frames = {"silver": sieved.silver, "quarantine": sieved.quarantine}
    staged: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for layer, frame in frames.items():
        contents = naming.contents(frame.drop("_landed_at", "_batch", "_contract"), PARTITION)
        kept = [day for day in days if layer == "quarantine" or day not in refused]
        names = {d: naming.file_name(contents[d], plan.run, 0, d) for d in kept if d in contents}
        files = tables[layer].write_each(frame, PARTITION, names)
        staged[layer] = {day: [files[day].as_dict()] if day in files else [] for day in kept}
    failpoints.reach("refine.staged")
    return RefinedDays(
        silver=staged["silver"],
        quarantine=staged["quarantine"],
        counts={day: count for day, count in every.items() if day not in refused},
        refused={day: {**refusal, "counts": every[day]} for day, refusal in refused.items()},
        reasons=dict(sieved.quarantine["_reasons"].explode().value_counts().iter_rows()),
        reported=sieved.reported,
        schemas={layer: landing.schema_names(frame) for layer, frame in frames.items()},
    )


def commit_refining(ws: Workspace, plan: Refining, parts: Sequence[RefinedDays]) -> Refined:
    """Replaces the partitions whose rows changed: quarantine first, so that a rejected row has its reason before it is
    gone from silver. A crash between the two is made good by the next run, as bronze has every row."""
    if plan.bronze_version is None:
        return Refined(plan.source, None)
    counts = {day: c for part in parts for day, c in part.counts.items()}
    refused = {day: r for part in parts for day, r in part.refused.items()}
    if refused and not ws.catalog.source(plan.source).event_time:
        refused |= _held_back(plan.source, counts, refused)
        counts = {}
    reasons, reported = Counter[str](), Counter[str]()
    for part in parts:
        reasons.update(part.reasons)
        reported.update(part.reported)
    cost = room.total((part.cost for part in parts), sum(c["in"] for c in counts.values()), _staged_bytes(parts))
    facts = {
        "kind": "refine",
        "source": plan.source,
        "bronze_version": plan.bronze_version,
        "counts": counts,
        "refused": refused,
        "reasons": reasons,
        "reported": reported,  # rows that break a rule which only reports
        "cost": cost,
        "contract": plan.contract,
        **ws.signature(),
    }
    _replace(ws, plan, ws.quarantine(plan.source), parts, "quarantine", facts)
    failpoints.reach("refine.quarantined")
    version, changed = _replace(ws, plan, ws.silver(plan.source), parts, "silver", facts)
    failpoints.reach("refine.committed")
    rows = [sum(c[k] for c in counts.values()) for k in ("in", "silver", "quarantined", "superseded")]
    days = count(len(counts), "day")
    say("%s: refined %s, %s: %d good, %d set aside, %d superseded", plan.source, days, count(rows[0], "row"), *rows[1:])
    for day, refusal in refused.items():
        log.warning("%s %s: %s", plan.source, day, refusal["what"])
    return Refined(plan.source, version, counts, tuple(changed), refused, dict(reasons), cost)


def last_refining(silver: Snapshot | None) -> dict[str, Any] | None:
    """What the newest refining commit says of itself."""
    return next((e.facts for e in ledger.entries(silver) if e.facts.get("kind") == "refine"), None)


def _rows_of(bronze: Snapshot, days: Sequence[str]) -> pl.DataFrame:
    files, of_days = moved.rows_of(bronze, days)
    return bronze.scan(files).filter(of_days).collect()


def _grouped(
    ws: Workspace, bronze: Snapshot, days: list[str], together: list[set[str]]
) -> tuple[tuple[tuple[str, ...], ...], int]:
    """Neighbouring days, as many as fit in memory, and what the largest group takes there. Days that share a key stay
    in one group."""
    if not days:
        return (), 0
    low, high = pl.Series([days[0], days[-1]]).str.to_date()
    files = moved.files_touching(bronze, low, high)
    row = room.row_bytes(bronze, files) * memory.REFINING
    budget = min(ws.refine_rows, ws.memory.group(row))
    if (rows := sum(f.rows for f in files)) <= budget:
        return (tuple(days),), rows * row
    heights = _heights(bronze.scan(files))
    leader = {day: min(group) for group in together for day in group}
    groups: list[list[str]] = []
    at: dict[str, int] = {}
    rows = most = 0
    for day in days:
        if (first := leader.get(day)) in at and first is not None:
            groups[at[first]].append(day)
            continue
        if not groups or rows + heights.get(day, 0) > budget:
            groups.append([])
            rows = 0
        rows += heights.get(day, 0)
        groups[-1].append(day)
        at[day] = len(groups) - 1
    for group in groups:
        rows = sum(heights.get(day, 0) for day in group)
        if rows * row > ws.memory.working:
            what = f"refining {span(group)}, {count(rows, 'row')} of {bronze.table} that belong together,"
            raise memory.refuse(what, rows * row, ws.memory, str(bronze.table))
        most = max(most, rows)
    return tuple(tuple(g) for g in groups), most * row


def _heights(rows: pl.LazyFrame) -> dict[str, int]:
    """Rows by day."""
    return {str(day): rows for day, rows in rows.group_by(PARTITION).len().collect(engine="streaming").iter_rows()}


def _counts(sieved: Sieved, days: Sequence[str]) -> dict[str, dict[str, int]]:
    frames = {
        "silver": sieved.silver, "quarantined": sieved.quarantine, "superseded": sieved.superseded,
        "files": sieved.files,
    }  # fmt: skip
    tally = {name: _heights(frame.lazy()) for name, frame in frames.items()}
    counts = {day: {name: tally[name].get(day, 0) for name in frames} for day in days}
    return {day: {"in": c["silver"] + c["quarantined"] + c["superseded"], **c} for day, c in counts.items()}


def _refusals(
    contract: SourceContract, counts: dict[str, dict[str, int]], by_rule: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """The days that went over the reject budget, or broke a rule that no row may break."""
    refused: dict[str, dict[str, Any]] = {
        day: {
            "code": "rejects.over_budget",
            "what": f"{contract.source} {day} breaks {rule}, which no row may break",
            "observed": rule,
            "limit": "none",
        }
        for day, rule in by_rule.items()
    }
    for day, tally in counts.items():
        if day in refused:
            continue
        # A file that cannot be read has no day of its own: it is quarantined where it landed, and the rest goes on.
        rejected, rows = tally["quarantined"] - tally["files"], tally["in"] - tally["files"]
        share = rejected / rows if rows else 0.0
        if share > contract.reject_budget:
            refused[day] = {
                "code": "rejects.over_budget",
                "what": f"{rejected} of {rows} rows of {contract.source} {day} were rejected: "
                f"{share:.1%}, and the contract tolerates {contract.reject_budget:.1%}",
                "observed": share,
                "limit": contract.reject_budget,
            }
    return refused


def _dragged_along(
    ws: Workspace,
    contract: SourceContract,
    made: pl.DataFrame,
    counts: dict[str, dict[str, int]],
    refused: dict[str, dict[str, Any]],
) -> dict[str, dict[str, Any]]:
    """The days that a row moves to or from a refused day: they stay as they are too, or the row would stand in both
    days, or in none."""
    silver = ws.silver(contract.source).snapshot()
    dragged: dict[str, dict[str, Any]] = {}
    for group in moved.bound_together(contract, silver, made, set(counts)):
        for cause in sorted(group & set(refused))[:1]:
            for day in sorted(group - set(refused)):
                what = f"{contract.source} {day} shares rows with {cause}, which was refused: {refused[cause]['what']}"
                dragged[day] = {**refused[cause], "what": what}
    return dragged


def _held_back(
    source: str, counts: dict[str, dict[str, int]], refused: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Where a row's day is only when it landed, a refused day is a newer state of the others: a refused snapshot must
    not take the one before it away."""
    cause, refusal = min(refused.items())
    return {
        day: {**refusal, "what": f"{source} {day} waits for {cause}, which was refused: {refusal['what']}", "counts": c}
        for day, c in counts.items()
    }


def _staged_bytes(parts: Sequence[RefinedDays]) -> int:
    return sum(
        f["size"] for p in parts for layer in (p.silver, p.quarantine) for files in layer.values() for f in files
    )


def _replace(
    ws: Workspace, plan: Refining, table: Table, parts: Sequence[RefinedDays], layer: str, facts: dict[str, Any]
) -> tuple[int, list[str]]:
    """Commits the partitions of one table whose content is not what it was."""
    staged = {
        day: [StagedFile.from_dict(f) for f in files]
        for part in parts
        for day, files in getattr(part, layer).items()
        if layer == "quarantine" or day not in facts["refused"]
    }
    snapshot = table.snapshot()
    now: dict[str, list[str]] = {}
    for file in snapshot.in_partitions(staged) if snapshot else ():
        now.setdefault(file.partition or "", []).append(file.content)
    changed = [
        day
        for day, files in sorted(staged.items())
        if sorted(f.path.rsplit("/", 1)[-1].split("-", 1)[0] for f in files) != sorted(now.get(day, []))
    ]
    schema = landing.merged_schema([part.schemas[layer] for part in parts])
    committed = commit(
        table,
        landing.partitioned(schema, PARTITION),
        run=plan.run,
        add=[f for day in changed for f in staged[day]],
        remove=lambda current: current.in_partitions(changed),
        expect={f"refine/{plan.source}": plan.expected.get(str(table), 0)},
        metadata={**facts, "changed": changed},
        partition=PARTITION,
    )
    return committed.version, changed
