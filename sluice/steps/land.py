"""Land: a source's new rows into bronze; rows and position in one commit.

`plan` asks the source what is new, `land_split` reads one split and stages it (any worker, any number of times),
`commit` makes all of it visible at once. A crash anywhere leaves either the whole batch with its position or nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from sluice import failpoints
from sluice.errors import Broken
from sluice.lake import ledger, naming
from sluice.lake.commit import commit
from sluice.lake.log import Log
from sluice.lake.table import ActiveFile, Snapshot
from sluice.model.facts import Fact, Notice, Plan, Position, Split, StagedFile
from sluice.model.interval import Calendar, Interval
from sluice.model.source import Cursor, SourceContract
from sluice.ops import memory
from sluice.sources.base import connect
from sluice.steps import landing, room, settled
from sluice.steps.milestones import count, say
from sluice.steps.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Landing(Fact):
    """One batch of one source, planned: everything a worker needs to read any of its splits."""

    source: str
    batch: str
    started_at: str
    expected: int  # the application version this batch follows
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    splits: tuple[dict[str, Any], ...]
    notices: tuple[dict[str, Any], ...]
    contract: str


@dataclass(frozen=True, slots=True)
class LandedSplit(Fact):
    """What one split wrote: files, not rows."""

    split: str
    files: tuple[dict[str, Any], ...]
    schema: dict[str, str]
    units: tuple[str, ...]
    dates: dict[str, int]
    rows: int = 0
    known: int = 0  # rows of the overlap that bronze has already
    problems: int = 0
    highest: int | None = None
    nulls: int = 0
    notices: tuple[dict[str, Any], ...] = ()
    cost: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Landed(Fact):
    """A batch, committed; or nothing new."""

    source: str
    batch: str
    rows: int
    version: int | None
    position: dict[str, Any] | None
    dates: dict[str, int] = field(default_factory=dict)
    known: int = 0
    problems: int = 0
    notices: tuple[dict[str, Any], ...] = ()
    cost: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def unchanged(self) -> bool:
        return self.version is None


def plan(ws: Workspace, source: str, batch: str, want: Sequence[Interval] = ()) -> Landing:
    """What is new at the source, cut into splits."""
    contract = ws.catalog.source(source)
    snapshot = ws.bronze(source).snapshot()
    settled.refuse_other_cut(contract, snapshot)
    if snapshot:
        snapshot.refuse_strangers()
    before = position_of(snapshot)
    landed = set(snapshot.actions.select(naming.CONTENT, naming.UNIT).iter_rows()) if snapshot else set()

    def is_landed(unit: str, version: str) -> bool:
        return (naming.digest(unit, version), naming.digest(unit)) in landed

    found: Plan = connect(contract, ws.reach).plan(before, _own_days(contract, want, before, ws.now()), is_landed)
    for notice in found.notices:
        log.info("%s: %s %s", source, notice.what, notice.where)
    if found.splits:
        say("%s: %s to read", source, count(len(found.splits), "split"))
    return Landing(
        source=source,
        batch=batch,
        started_at=ws.now().isoformat(),
        expected=snapshot.transaction(f"land/{source}") if snapshot else 0,
        before=before.as_dict() if before else None,
        after=found.position.as_dict() if found.position else None,
        splits=tuple(s.as_dict() for s in found.splits),
        notices=tuple(n.as_dict() for n in found.notices),
        contract=contract.hash,
    )


@room.within(lambda plan: memory.LANDING)
def land_split(ws: Workspace, plan: Landing, split: Split) -> LandedSplit:
    """Reads one split and stages it; nobody sees it yet."""
    contract = ws.catalog.source(plan.source)
    settled.refuse_edited(ws, plan.source, plan.contract)
    table = ws.bronze(plan.source)
    window = _Window(contract, table.snapshot(), plan.before)
    totals = landing.Totals(landing.as_integer(plan.started_at) if _by_time(contract) else None)
    files: list[StagedFile] = []
    for unit, version, chunk in _chunks(contract, ws, split):
        frame, notices = landing.conform(chunk, contract, plan.batch, datetime.fromisoformat(plan.started_at))
        totals.notices |= set(notices)
        fresh = window.unknown_of(frame)
        totals.known += frame.height - fresh.height
        frame = fresh
        if not frame.height and version is None:
            continue
        unit = unit or ("full" if contract.position.mode == "full" else None)
        content = naming.digest(unit or "", version) if version else naming.content(_comparable(frame))
        name = naming.file_name(content, f"{plan.batch}-{naming.digest(split.id)[:8]}", len(files), unit)
        # By day, so that refining some days reads their row groups and not the whole table once for every group.
        ordered = frame if frame["_event_on"].is_sorted() else frame.sort("_event_on", maintain_order=True)
        files.append(table.write(ordered, name))
        totals.add(ordered, unit)
    failpoints.reach("land.staged")
    say("%s: read %s, %s", plan.source, split.label, count(totals.rows, "row"))
    return LandedSplit(
        split=split.id,
        files=tuple(f.as_dict() for f in files),
        schema=totals.schema,
        units=tuple(sorted(totals.units | ({split.unit} if split.unit else set()))),
        dates=totals.dates,
        rows=totals.rows,
        known=totals.known,
        problems=totals.problems,
        highest=totals.highest,
        nulls=totals.nulls,
        notices=tuple(n.as_dict() for n in sorted(totals.notices, key=lambda n: (n.kind, n.where, n.what))),
    )


def commit_landing(ws: Workspace, plan: Landing, parts: Sequence[LandedSplit]) -> Landed:
    """All splits and the position, at once; or nothing where nothing is new."""
    table = ws.bronze(plan.source)
    snapshot = table.snapshot()
    files = [StagedFile.from_dict(f) for part in parts for f in part.files]
    units = {naming.digest(u) for part in parts for u in part.units}
    replaced = _of_units(snapshot, units) if snapshot else []
    overtaken = snapshot is not None and snapshot.transaction(f"land/{plan.source}") != plan.expected
    if units and not overtaken and _same_content(files, replaced):
        files, replaced, units = [], [], set()
    position = _new_position(ws, plan, parts)
    notices = (*plan.notices, *{str(n): n for part in parts for n in part.notices}.values())
    dates = _merged(part.dates for part in parts) if files else {}
    dates = {**dict.fromkeys(_dates_of(snapshot, replaced), 0), **dates}
    rows = sum(f.rows for f in files)
    moved = position is not None and (plan.before is None or position.value != plan.before.get("value"))
    result = Landed(
        source=plan.source,
        batch=plan.batch,
        rows=rows,
        version=None,
        position=position.as_dict() if position else plan.before,
        dates=dates,
        known=sum(part.known for part in parts),
        problems=sum(part.problems for part in parts) if files else 0,
        notices=notices,
        cost=room.total((part.cost for part in parts), rows, sum(f.size for f in files)),
    )
    if not files and not replaced and not moved:
        return result
    schema = landing.bronze_schema(ws.catalog.source(plan.source), [part.schema for part in parts if part.schema])
    failpoints.reach("land.committing")
    committed = commit(
        table,
        schema,
        run=plan.batch,
        add=files,
        remove=lambda current: _of_units(current, units),
        expect={f"land/{plan.source}": plan.expected},
        metadata={
            "kind": "land",
            "source": plan.source,
            "position": position.as_dict() if position else plan.before,
            "before": plan.before,
            "rows": rows,
            "known": result.known,
            "problems": result.problems,
            "replaced_rows": sum(f.rows for f in replaced),
            "dates": dates,
            "splits": len(plan.splits),
            "notices": notices,
            "cost": result.cost,
            "contract": plan.contract,
            "cut": settled.cut_of(ws.catalog.source(plan.source)),
            **ws.signature(),
        },
    )
    failpoints.reach("land.committed")
    say("%s: landed %s as version %d", plan.source, count(rows, "row"), committed.version)
    return Landed.from_dict({**result.as_dict(), "version": committed.version})


def position_of(snapshot: Snapshot | Log | None) -> Position | None:
    """Where the source stands: the position in the newest landing commit."""
    newest = next((e.facts for e in ledger.entries(snapshot) if e.facts.get("kind") == "land"), {})
    return Position.from_dict(newest["position"]) if newest.get("position") else None


def _chunks(
    contract: SourceContract, ws: Workspace, split: Split
) -> Iterator[tuple[str | None, str | None, pl.DataFrame]]:
    """The split's frames with the unit each belongs to; kinds whose units carry a version say which."""
    connector: Any = connect(contract, ws.reach)
    if not hasattr(connector, "read_unit"):
        for frame in connector.read(split):
            yield split.unit, None, frame
        return
    for unit, version in connector.units(split):
        for frame in connector.read_unit(split, unit):
            yield unit, version, frame


def _own_days(
    contract: SourceContract, want: Sequence[Interval], before: Position | None, now: datetime
) -> tuple[Interval, ...]:
    """The source's own local days that cover what is wanted; for interval mode only."""
    if contract.position.mode != "interval":
        return ()
    calendar = Calendar("day", contract.timezone)
    lookback = contract.position.lookback or timedelta(0)
    if want:
        spans = [(i.start - lookback, i.end) for i in want]
    else:  # everything since the last landed day, or today
        start = datetime.fromisoformat(before.value) if before and before.value else now
        spans = [(start - lookback, now)]
    days = {day for start, end in spans for day in calendar.between(calendar.holding(start).start, end)}
    return tuple(sorted(days))


class _Window:
    """Bronze's rows in the window that a cursor reads again: those on the position, those of the overlap, and whatever
    else the source chooses to send once more."""

    def __init__(self, contract: SourceContract, snapshot: Snapshot | None, before: dict[str, Any] | None) -> None:
        mode = contract.position
        self.contract, self.snapshot = contract, snapshot
        self.known: pl.DataFrame | None = None
        self.low: int | None = None
        if isinstance(mode, Cursor) and before and before.get("value") is not None:
            back = (mode.overlap or timedelta(0)) if _by_time(contract) else timedelta(0)
            self.low = landing.as_integer(before["value"]) - back // timedelta(microseconds=1)

    def unknown_of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a chunk that bronze does not have yet."""
        if self.low is None or self.snapshot is None:
            return frame
        lowest: Any = frame["_position"].min()
        reach = self.low if lowest is None else min(self.low, lowest)
        if self.known is None or reach < self.low:
            self.low, self.known = reach, self._rows(self.snapshot, reach)
        return landing.without(frame, self.known, self.contract)

    def _rows(self, snapshot: Snapshot, low: int) -> pl.DataFrame:
        within = None
        if "max._position" in snapshot.actions.columns:
            unbounded = (pl.col("null_count._position") > 0) | pl.col("max._position").is_null()
            within = (pl.col("max._position") >= low) | unbounded
        rows = snapshot.scan(snapshot.files(within))
        return rows.filter(pl.col("_position").is_null() | (pl.col("_position") >= low)).collect()


def _by_time(contract: SourceContract) -> bool:
    mode = contract.position
    return isinstance(mode, Cursor) and contract.columns[mode.column].parsed.name in ("date", "timestamp")


def _comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """What makes a snapshot the same as the one before: not when it was taken, nor in which order."""
    return frame.select(n for n in frame.columns if n not in ("_batch", "_landed_at", "_line", "_event_on"))


def _of_units(snapshot: Snapshot, units: set[str]) -> list[ActiveFile]:
    return snapshot.files(naming.UNIT.is_in(sorted(units))) if units else []


def _same_content(files: Sequence[StagedFile], replaced: Sequence[ActiveFile]) -> bool:
    """Whether the units hold exactly what they held: a snapshot taken again, an interval pulled again."""
    new = sorted(f.path.rsplit("/", 1)[-1].split("-", 1)[0] for f in files)
    return bool(replaced) and new == sorted(f.content for f in replaced)


def _dates_of(snapshot: Snapshot | None, files: Sequence[ActiveFile]) -> list[str]:
    """Every local day that the replaced rows could be of: silver has to be refined again there."""
    if snapshot is None or not files:
        return []
    paths = {f.path for f in files}
    spans = snapshot.actions.filter(pl.col("path").is_in(list(paths))).select("min._event_on", "max._event_on").rows()
    days: set[str] = set()
    for low, high in spans:
        if low is None:
            continue
        if (high - low).days > 400:  # a file of years: ask it instead of guessing
            frame = snapshot.scan(list(files)).select(pl.col("_event_on").unique()).collect()
            return [d.isoformat() for d in frame["_event_on"] if isinstance(d, date)]
        days |= {(low + timedelta(days=n)).isoformat() for n in range((high - low).days + 1)}
    return sorted(days)


def _new_position(ws: Workspace, plan: Landing, parts: Sequence[LandedSplit]) -> Position | None:
    """The planned position; where only the rows could tell, the highest one that is not in the future."""
    contract = ws.catalog.source(plan.source)
    after = Position.from_dict(plan.after) if plan.after else None
    if not isinstance(contract.position, Cursor) or (after and after.value is not None):
        return after
    highest = max((part.highest for part in parts if part.highest is not None), default=None)
    before = plan.before.get("value") if plan.before else None
    value = before
    if highest is not None and (before is None or highest > landing.as_integer(before)):
        value = landing.as_text(highest, _by_time(contract))
    if before is not None and value is not None and landing.as_integer(value) < landing.as_integer(before):
        raise Broken("source.protocol", f"the position of {plan.source} would go back from {before} to {value}")
    return Position("cursor", value)


def _merged(parts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for day, rows in part.items():
            total[day] = total.get(day, 0) + rows
    return dict(sorted(total.items()))


__all__ = ["Landed", "LandedSplit", "Landing", "Notice", "commit_landing", "land_split", "plan", "position_of"]
