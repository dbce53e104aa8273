"""Build: pinned inputs through the product's pure function into candidate files that no reader can see yet."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from sluice import failpoints
from sluice.errors import Broken, Late, SluiceError
from sluice.lake import ledger, naming
from sluice.lake.log import Log
from sluice.lake.table import Snapshot
from sluice.model.facts import Fact
from sluice.model.interval import Interval
from sluice.model.product import ProductContract
from sluice.ops import memory
from sluice.ops.words import listed
from sluice.steps import apart, room, settled
from sluice.steps.inputs import Pinned, Reading, interval_label
from sluice.steps.land import position_of
from sluice.steps.milestones import count, say, span
from sluice.steps.publications import app, newest
from sluice.steps.refine import last_refining
from sluice.steps.standing import Standing
from sluice.steps.workspace import Workspace

PARTITION = "_interval"


@dataclass(frozen=True, slots=True)
class IntervalPlan(Fact):
    """One interval of a build: what it is made from, and whether it has to be made."""

    label: str
    start: str
    end: str
    expected: int  # the publication this one would follow
    state: str  # build | unchanged | waiting
    inputs: dict[str, dict[str, Any]]
    caveats: tuple[str, ...]
    fingerprint: str
    error: dict[str, Any] | None = None
    standing: dict[str, Any] | None = None  # the publication readers see now: version, rows, metrics

    def as_dict(self) -> dict[str, Any]:
        """As shallow as it is: its parts are plain already."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def interval(self) -> Interval:
        return Interval(datetime.fromisoformat(self.start), datetime.fromisoformat(self.end), self.label)


@dataclass(frozen=True, slots=True)
class BuildPlan(Fact):
    """A build of one product over one or more intervals, with its inputs pinned."""

    product: str
    run: str
    versions: dict[str, int | None]
    intervals: tuple[dict[str, Any], ...]
    chunks: tuple[tuple[str, ...], ...]  # intervals built in one pass
    path: str  # eager | chunked | streaming
    rows: int
    contract: str
    contract_version: str
    code: str
    room: int = 0  # bytes of memory that the largest chunk takes

    def each(self) -> list[IntervalPlan]:
        return [IntervalPlan.from_dict(i) for i in self.intervals]


@dataclass(frozen=True, slots=True)
class Candidate(Fact):
    """Built intervals: staged files, not yet audited."""

    files: dict[str, list[dict[str, Any]]]
    rows: dict[str, int]
    outside: int = 0  # rows the transform made for intervals nobody asked for
    labels: tuple[str, ...] = field(default_factory=tuple)
    held: int = 0  # bytes of memory that the rows take
    cost: dict[str, Any] = field(default_factory=dict, compare=False)


def plan(
    ws: Workspace,
    product: str,
    intervals: Sequence[Interval],
    run: str,
    failed: Mapping[str, SluiceError] | None = None,
) -> BuildPlan:
    """Pins the inputs and decides per interval: build, leave as it is, or wait for an input.

    `failed` names the sources whose ingestion failed in this run: a required one stops the interval, an optional one
    degrades it.
    """
    contract = ws.catalog.product(product)
    pinned = Pinned(ws, contract)
    gold = ws.gold(product).snapshot()
    settled.refuse_other_cut(contract, gold)
    for source in {each.source for each in contract.inputs.values() if each.source}:
        settled.refuse_other_cut(ws.catalog.source(source), ws.bronze(source).log())
    standing = newest(ws, product, [i.label for i in intervals], gold)
    code, hashed = ws.catalog.code_hash(product), contract.hash
    reached = {e.source: _reached(ws, e.source, pinned.snapshots[n]) for n, e in contract.inputs.items() if e.source}
    # After a failure or a refusal the interval is published again, be it the same: that answers for the failure.
    known = [i for i in intervals if i.label in standing]
    states = Standing(ws, {product: gold}).states(product, known, compare=False, found=standing)
    doubted = {state.interval for state in states if state.setback}
    apps = {interval.label: app(product, interval.label) for interval in intervals}
    expected = gold.transactions(apps.values()) if gold else dict.fromkeys(apps.values(), 0)
    pinned.look_ahead(intervals)
    plans = []
    for interval in intervals:
        readings = {name: pinned.reading(name, interval) for name in contract.inputs}
        fingerprint = naming.digest(hashed, code, *(f"{n}={r.content}" for n, r in sorted(readings.items())))
        error, caveats = _judge_inputs(contract, interval, readings, reached, failed or {})
        before = standing.get(interval.label)
        same = before is not None and before.facts.get("fingerprint") == fingerprint and interval.label not in doubted
        same = same and before is not None and tuple(before.facts.get("input_caveats", ())) == tuple(caveats)
        plans.append(
            IntervalPlan(
                label=interval.label,
                start=interval.start.isoformat(),
                end=interval.end.isoformat(),
                expected=expected[apps[interval.label]],
                state="waiting" if error else "unchanged" if same else "build",
                inputs={n: r.as_dict() for n, r in readings.items()},
                caveats=tuple(caveats),
                fingerprint=fingerprint,
                error=error.as_dict() if error else None,
                standing=_standing(before),
            )
        )
    todo = [p for p in plans if p.state == "build"]
    held, common, longest = _held(pinned, contract, todo)
    chunks, path = _chunks(held, common, min(ws.memory.working // 2, ws.eager_rows * longest))
    most = max((common + sum(held[label] for label in chunk) for chunk in chunks), default=0)
    return BuildPlan(
        product=product,
        run=run,
        versions=pinned.versions,
        intervals=tuple(p.as_dict() for p in plans),
        chunks=chunks,
        path=path,
        rows=sum(r["rows"] for p in todo for r in p.inputs.values()),
        contract=hashed,
        contract_version=contract.version,
        code=code,
        room=ws.memory.working if path == "streaming" else most,
    )


@room.within(lambda plan: plan.room)
def build(ws: Workspace, plan: BuildPlan, labels: Sequence[str]) -> Candidate:
    """The candidate for these intervals. What is streamed runs in a process of its own, and alone."""
    if plan.path == "streaming":
        candidate = Candidate.from_dict(apart.answer(ws, plan, labels))
    else:
        candidate = staged(ws, plan, labels)
    say("%s: built %s, %s", plan.product, span(labels), count(sum(candidate.rows.values()), "row"))
    return candidate


def staged(ws: Workspace, plan: BuildPlan, labels: Sequence[str]) -> Candidate:
    """Runs the transform over these intervals at once and stages one file an interval."""
    contract = ws.catalog.product(plan.product)
    ws.catalog.transform(plan.product)  # loaded first: what is on the disk after that does not matter
    settled.refuse_edited(ws, plan.product, plan.contract, plan.code)
    pinned = Pinned(ws, contract, plan.versions)
    wanted = set(labels)
    intervals = [p.interval for p in plan.each() if p.label in wanted]
    frames = {name: _own_columns_dropped(pinned.frame(name, intervals)) for name in contract.inputs}
    made = _run(ws, contract, frames, streaming=plan.path == "streaming")
    made = conformed(made, contract, str(ws.catalog.path_of(plan.product)))
    made = made.with_columns(interval_label(contract.output.interval, contract).alias(PARTITION))
    if nowhere := made[PARTITION].null_count():
        raise Broken(
            "build.schema", f"{nowhere} rows of {plan.product} have no {contract.output.interval}, so no interval",
            str(ws.catalog.path_of(plan.product)), "Give each row one in transform.py, or filter it out there.",
        )  # fmt: skip
    held = int(made.estimated_size())
    if held * memory.AUDITING > ws.memory.working:
        what = f"auditing {plan.product} {span(labels)}, {count(made.height, 'row')},"
        raise memory.refuse(what, held * memory.AUDITING, ws.memory, str(ws.catalog.path_of(plan.product)))
    inside = made.filter(pl.col(PARTITION).is_in(list(labels)))
    contents = naming.contents(inside, PARTITION)
    names = {label: naming.file_name(content, plan.run, 0, label) for label, content in contents.items()}
    written = ws.gold(plan.product).write_each(inside.sort(PARTITION, *contract.output.key), PARTITION, names)
    files = {label: [written[label].as_dict()] if label in written else [] for label in labels}
    rows = {label: written[label].rows if label in written else 0 for label in labels}
    failpoints.reach("build.staged")
    return Candidate(files, rows, made.height - inside.height, tuple(labels), held)


def conformed(made: pl.DataFrame, contract: ProductContract, where: str) -> pl.DataFrame:
    """The transform's frame in the contract's columns and types; anything but a lossless fit is an error."""
    wanted = {n: c.parsed.polars() for n, c in contract.output.columns.items()}
    missing = [n for n in wanted if n not in made.columns]
    extra = [n for n in made.columns if n not in wanted]
    if missing or extra:
        says = [f"lacks {', '.join(missing)}"] if missing else []
        says += [f"has {', '.join(extra)}, which the contract does not know"] if extra else []
        raise Broken("build.schema", f"the output of {contract.product} {' and '.join(says)}", where)
    for name, want in wanted.items():
        have = made.schema[name]
        if have == want:
            continue
        lossless = (have.is_integer() and want.is_integer()) or (have.is_decimal() and want.is_decimal())
        lossless = (
            lossless or have == pl.Null or (have.is_temporal() and want.is_temporal() and have.base_type() == want)
        )
        cast = made[name].cast(want, strict=False) if lossless else None
        if (
            cast is None
            or cast.null_count() > made[name].null_count()
            or (have.is_decimal() and _lost(made[name], cast))
        ):
            raise Broken(
                "build.schema", f"column {name!r} of {contract.product} is {have}, the contract says {want}", where,
                f"Cast it in transform.py: pl.col({name!r}).cast(pl.{want!r}).",
            )  # fmt: skip
        made = made.with_columns(cast.alias(name))
    return made.select(list(wanted))


def _lost(before: pl.Series, after: pl.Series) -> bool:
    wide = pl.Decimal(38, before.dtype.scale)  # type: ignore[attr-defined]
    return bool((before.cast(wide) != after.cast(wide, strict=False)).any())


def _judge_inputs(
    contract: ProductContract,
    interval: Interval,
    readings: Mapping[str, Reading],
    reached: Mapping[str, datetime | None],
    failed: Mapping[str, SluiceError],
) -> tuple[SluiceError | None, list[str]]:
    """The error that stops the interval, if any, and what readers have to be told."""
    caveats: list[str] = []
    for name, reading in readings.items():
        each = contract.inputs[name]
        error: SluiceError | None = failed.get(each.source or "")
        if error is None and reading.refused:
            error = Broken("input.refused", f"{name} for {interval}: {reading.refused}", reading.table)
        read_to = reached.get(each.source or "")
        if error is None and reading.missing:
            what = f"{name} for {interval} lacks {listed(reading.missing)}, not published yet"
            error = Late("input.missing", what, reading.table, f"sluice run {each.product} --for {reading.missing[0]}")
        if error is None and reading.rows == 0 and not (read_to and read_to >= interval.end):
            look = f"sluice ingest {each.source}" if each.source else f"sluice run {each.product}"
            what = f"{name} has no rows for {interval}"
            error = Late("input.missing", what, reading.table, f"Look at `{look}`; then run again.")
        if error is None:
            continue
        if each.required:
            return error, []
        caveats.append(f"{f'{name} as it was before' if reading.rows else f'without {name}'}: {error.what}")
    return None, caveats


def _reached(ws: Workspace, source: str, silver: Snapshot | None) -> datetime | None:
    """How far into its time the source was read, before any rows that this silver does not have yet: where that is past
    an interval's end, no rows means that there are none. A date counts as its midnight, as more of its day may come."""
    contract = ws.catalog.source(source)
    if contract.position.mode not in ("cursor", "interval"):
        return None
    position = position_of(_refined(ws.bronze(source).log(), silver))
    if position is None or position.value is None or position.value.lstrip("-").isdigit():
        return None
    instant = datetime.fromisoformat(position.value)
    return instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(contract.timezone))


def _refined(bronze: Log | None, silver: Snapshot | None) -> Log | None:
    """Bronze's log up to the first landing with rows that wait to be refined."""
    through = (last_refining(silver) or {}).get("bronze_version", -1)
    waiting = [entry.version for entry in ledger.entries(bronze, since=through) if entry.fact("dates")]
    return Log(bronze.table, waiting[-1] - 1) if bronze and waiting else bronze


def _standing(publication: Any) -> dict[str, Any] | None:
    if publication is None:
        return None
    facts = publication.facts
    return {"version": publication.version, "at": publication.at, "rows": facts["rows"], "metrics": facts["metrics"]}


def _held(pinned: Pinned, contract: ProductContract, todo: Sequence[IntervalPlan]) -> tuple[dict[str, int], int, int]:
    """What the inputs' rows take while the transform runs in memory, by interval; what those rows take that every
    interval reads; and the longest row."""
    each, common, longest = dict.fromkeys((p.label for p in todo), 0), 0, 1
    for name, said in contract.inputs.items():
        snapshot = pinned.snapshots[name]
        if snapshot is None or not todo:
            continue
        row = room.row_bytes(snapshot, snapshot.files()) * memory.BUILDING
        longest = max(longest, row)
        if said.as_of == "latest":
            common += todo[0].inputs[name]["rows"] * row
            continue
        for plan in todo:
            rows = pinned.rows_read(name, plan.interval) if said.lookback else plan.inputs[name]["rows"]
            each[plan.label] += rows * row
    return each, common, longest


def _chunks(held: Mapping[str, int], common: int, budget: int) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Small builds run eagerly in one pass; large ones by runs of intervals; a huge single interval is streamed."""
    if not held:
        return (), "eager"
    if common + sum(held.values()) <= budget:
        return (tuple(held),), "eager"
    if common + max(held.values()) > budget:
        return tuple((label,) for label in held), "streaming"
    chunks: list[list[str]] = [[]]
    size = common
    for label, weight in held.items():
        if chunks[-1] and size + weight > budget:
            chunks.append([])
            size = common
        chunks[-1].append(label)
        size += weight
    return tuple(tuple(c) for c in chunks), "chunked"


def _own_columns_dropped(frame: pl.LazyFrame | None) -> pl.LazyFrame | None:
    return None if frame is None else frame.select(pl.exclude(r"^_.*$"))


def _run(
    ws: Workspace, contract: ProductContract, frames: Mapping[str, pl.LazyFrame | None], *, streaming: bool
) -> pl.DataFrame:
    transform = ws.catalog.transform(contract.product)
    try:
        made = transform(**frames)
        lazy = made.lazy() if isinstance(made, pl.DataFrame | pl.LazyFrame) else None
        if lazy is not None:
            return lazy.collect(engine="streaming" if streaming else "in-memory")
    except (Exception, pl.exceptions.PanicException) as error:  # the user's code: whatever it raises is its author's
        first_line = next(iter(str(error).splitlines()), "")
        raise Broken(
            "build.failed", f"{contract.product}: {type(error).__name__}: {first_line}",
            _place(error, contract.product), "Mend transform.py; `sluice check` runs it on its samples.",
        ) from error  # fmt: skip
    raise Broken(
        "build.failed", f"{contract.product} returned {type(made).__name__}, not a frame", contract.product,
        "Return a pl.LazyFrame.",
    )  # fmt: skip


def _place(error: BaseException, product: str) -> str:
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith("transform.py")]
    return f"{lines[-1].filename}:{lines[-1].lineno}" if lines else product
