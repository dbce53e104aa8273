"""Audit: the gate reads exactly the files that publishing would show, and says yes or no per interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

import polars as pl

from sluice.model.facts import Check, Fact, StagedFile
from sluice.model.interval import Interval
from sluice.model.product import ProductContract
from sluice.ops import memory
from sluice.quality import formulas
from sluice.quality.checks import product_checks
from sluice.quality.profile import profile, profile_by
from sluice.quality.reconcile import reconcile_each
from sluice.quality.verdict import judge
from sluice.quality.volume import volume
from sluice.steps import room, settled
from sluice.steps.build import PARTITION, BuildPlan, Candidate
from sluice.steps.inputs import Pinned
from sluice.steps.milestones import count, say
from sluice.steps.publications import publications
from sluice.steps.workspace import Workspace

_ROWS = 250_000  # of intervals that are read and asked together
_TOGETHER = 250  # intervals: Polars takes a thread for each file that it reads, up to 512
_HISTORY = 400  # publications looked at for an interval's usual volume


@dataclass(frozen=True, slots=True)
class Verdict(Fact):
    """One interval, judged."""

    label: str
    outcome: str  # passed | caveats | refused
    code: str | None
    reason: str
    rows: int
    checks: tuple[dict[str, Any], ...]
    caveats: tuple[str, ...]
    metrics: dict[str, str | None]
    profile: dict[str, dict[str, Any]]
    cost: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def passed(self) -> bool:
        return self.outcome != "refused"


def audit(ws: Workspace, plan: BuildPlan, candidate: Candidate) -> dict[str, Verdict]:
    """Every check of the contract over every interval of the candidate."""
    with room.taken(ws.memory, candidate.held * memory.AUDITING) as cost:
        verdicts = _verdicts(ws, plan, candidate)
    first, *_ = verdicts  # the cost is of all of them together, and is said once
    return verdicts | {first: replace(verdicts[first], cost=cost.facts())}


def _verdicts(ws: Workspace, plan: BuildPlan, candidate: Candidate) -> dict[str, Verdict]:
    say("%s: auditing %s", plan.product, count(len(candidate.files), "interval"))
    contract = ws.catalog.product(plan.product)
    settled.refuse_edited(ws, plan.product, plan.contract)
    pinned = Pinned(ws, contract, plan.versions)
    intervals = {p.label: p.interval for p in plan.each()}
    history = _history(ws, plan) if contract.volume else []
    verdicts: dict[str, Verdict] = {}
    for labels in _groups(candidate):
        looked = _look(ws, contract, {label: candidate.files[label] for label in labels})
        inputs = _inputs(contract, pinned, {label: intervals[label] for label in labels})
        sums = reconcile_each(contract, looked.frames, inputs)
        for label in labels:
            checks = [*looked.gated[label], *sums[label]]
            size = volume(contract, candidate.rows[label], history, day=intervals[label].first_day)
            if size is not None:
                checks.append(size)
            outcome, code, reason = judge(checks)
            verdicts[label] = Verdict(
                label=label,
                outcome=outcome,
                code=code,
                reason=reason,
                rows=candidate.rows[label],
                checks=tuple(_told(check) for check in checks),
                caveats=tuple(_said(c) for c in checks if not c.success and c.severity == "warning"),
                metrics={n: _text(v) for n, v in looked.metrics[label].items()},
                profile=looked.profiles[label],
            )
    return verdicts


def _groups(candidate: Candidate) -> Iterator[list[str]]:
    """Intervals that are looked at together: as many as are read at once without trouble, or a single large one."""
    group: list[str] = []
    rows = 0
    for label in candidate.files:
        rows += candidate.rows[label]
        if group and (rows > _ROWS or len(group) == _TOGETHER):
            yield group
            group, rows = [], candidate.rows[label]
        group.append(label)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found out of some intervals' files, by label."""

    frames: dict[str, pl.LazyFrame]
    gated: dict[str, tuple[Check, ...]]
    metrics: dict[str, dict[str, formulas.Number | None]]
    profiles: dict[str, dict[str, dict[str, Any]]]


def _look(ws: Workspace, contract: ProductContract, files: Mapping[str, Sequence[dict[str, Any]]]) -> _Looked:
    """One interval is asked where it lies, however large it is; several are read once, and asked together."""
    from sluice.quality import gate

    checks, columns = product_checks(contract), _columns(contract)
    staged = [StagedFile.from_dict(f) for each in files.values() for f in each]
    rows = ws.gold(contract.product).scan_staged(staged, pl.Schema({**columns, PARTITION: pl.String()}), PARTITION)
    if len(files) == 1:
        (label,) = files
        frames = {label: rows.select(list(columns))}
        gated = gate.audit(frames, checks, columns=columns)
        metrics = {label: formulas.metrics(contract.metrics, frames[label])}
        return _Looked(frames, gated, metrics, {label: profile(frames[label])})
    read = rows.select(*columns, PARTITION).collect()
    apart = {
        label: part.lazy() for (label,), part in read.partition_by(PARTITION, as_dict=True, include_key=False).items()
    }
    nothing = read.drop(PARTITION).clear().lazy()
    frames = {label: apart.get(label, nothing) for label in files}
    gated = gate.audit_parts(read.lazy(), PARTITION, list(files), checks, columns=columns)
    wanted = {name: (formula, "") for name, formula in contract.metrics.items()}
    metrics = formulas.evaluate_each(wanted, {label: {"": frame} for label, frame in frames.items()})
    profiles = dict.fromkeys(files, profile(nothing)) | profile_by(read.lazy(), PARTITION)
    return _Looked(frames, gated, metrics, profiles)


def _inputs(
    contract: ProductContract, pinned: Pinned, intervals: Mapping[str, Interval]
) -> dict[str, dict[str, pl.LazyFrame | None]]:
    """What each interval was made from. Of a `latest` input all have the same, and it is read once."""
    some = list(intervals.values())[:1]
    latest = {n: pinned.frame(n, some, lookback=False) for n, i in contract.inputs.items() if i.as_of == "latest"}
    return {
        label: {n: latest[n] if n in latest else pinned.frame(n, [own], lookback=False) for n in contract.inputs}
        for label, own in intervals.items()
    }


def _columns(contract: ProductContract) -> pl.Schema:
    return pl.Schema({n: c.parsed.polars() for n, c in contract.output.columns.items()})


def _history(ws: Workspace, plan: BuildPlan) -> list[tuple[date, int]]:
    """(first day, rows) of what is published now, each interval once."""
    calendar = ws.catalog.product(plan.product).calendar
    newest: dict[str, int] = {}
    for publication in islice(publications(ws, plan.product), _HISTORY):
        newest.setdefault(publication.interval, publication.facts["rows"])
    return [(calendar.parse(label).first_day, rows) for label, rows in newest.items()]


def _said(check: Check) -> str:
    return f"{check.id}: expected {check.limit or check.expect}, found {check.observed}"


def _told(check: Check) -> dict[str, Any]:
    return {each.name: _plain(getattr(check, each.name)) for each in fields(check)}


def _plain(value: Any) -> Any:
    """JSON's own types; everything else as people write it."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _text(value: Decimal | float | None) -> str | None:
    return None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
