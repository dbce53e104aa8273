"""Audit: the gate reads exactly the files that publishing would show, and says yes or no per interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

import polars as pl

from sluice.model.facts import Check, Fact, StagedFile
from sluice.ops import memory
from sluice.quality import formulas
from sluice.quality.checks import product_checks
from sluice.quality.profile import profile
from sluice.quality.reconcile import reconcile
from sluice.quality.verdict import judge
from sluice.quality.volume import volume
from sluice.steps import room, settled
from sluice.steps.build import PARTITION, BuildPlan, Candidate
from sluice.steps.inputs import Pinned
from sluice.steps.milestones import count, say
from sluice.steps.publications import publications
from sluice.steps.workspace import Workspace

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
    cost.cpu /= max(len(verdicts), 1)
    return {label: replace(verdict, cost=cost.facts()) for label, verdict in verdicts.items()}


def _verdicts(ws: Workspace, plan: BuildPlan, candidate: Candidate) -> dict[str, Verdict]:
    from sluice.quality.gate import audit as gate

    say("%s: auditing %s", plan.product, count(len(candidate.files), "interval"))
    contract = ws.catalog.product(plan.product)
    settled.refuse_edited(ws, plan.product, plan.contract)
    pinned = Pinned(ws, contract, plan.versions)
    intervals = {p.label: p.interval for p in plan.each()}
    frames = {label: _frame(ws, plan.product, files) for label, files in candidate.files.items()}
    gated = gate(frames, product_checks(contract), columns=_columns(ws, plan.product))
    history = _history(ws, plan) if contract.volume else []
    verdicts: dict[str, Verdict] = {}
    for label, frame in frames.items():
        interval = intervals[label]
        inputs = {name: pinned.frame(name, [interval], lookback=False) for name in contract.inputs}
        checks = [*gated[label], *reconcile(contract, frame, inputs)]
        size = volume(contract, candidate.rows[label], history, day=interval.first_day)
        if size is not None:
            checks.append(size)
        outcome, code, reason = judge(checks)
        verdicts[label] = Verdict(
            label=label,
            outcome=outcome,
            code=code,
            reason=reason,
            rows=candidate.rows[label],
            checks=tuple(_plain(asdict(c)) for c in checks),
            caveats=tuple(_said(c) for c in checks if not c.success and c.severity == "warning"),
            metrics={n: _text(v) for n, v in formulas.metrics(contract.metrics, frame).items()},
            profile=profile(frame),
        )
    return verdicts


def _columns(ws: Workspace, product: str) -> pl.Schema:
    return pl.Schema({n: c.parsed.polars() for n, c in ws.catalog.product(product).output.columns.items()})


def _frame(ws: Workspace, product: str, files: Sequence[dict[str, Any]]) -> pl.LazyFrame:
    """The staged files as readers would see them."""
    columns = _columns(ws, product)
    staged = [StagedFile.from_dict(f) for f in files]
    schema = pl.Schema({**columns, PARTITION: pl.String()})
    return ws.gold(product).scan_staged(staged, schema, PARTITION).select(list(columns))


def _history(ws: Workspace, plan: BuildPlan) -> list[tuple[date, int]]:
    """(first day, rows) of what is published now, each interval once."""
    calendar = ws.catalog.product(plan.product).calendar
    newest: dict[str, int] = {}
    for publication in islice(publications(ws, plan.product), _HISTORY):
        newest.setdefault(publication.interval, publication.facts["rows"])
    return [(calendar.parse(label).first_day, rows) for label, rows in newest.items()]


def _said(check: Check) -> str:
    return f"{check.id}: expected {check.limit or check.expect}, found {check.observed}"


def _plain(value: Any) -> Any:
    """JSON's own types; everything else as people write it."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _text(value: Decimal | float | None) -> str | None:
    return None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
