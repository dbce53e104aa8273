"""Publish: one commit puts exactly the audited files in the place of the intervals' partitions.

Readers see the complete new version or the previous safe one. The commit says why it is there: verdict, reason,
inputs and their versions, contract, code, and what changed against the version before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from sluice import failpoints
from sluice.errors import SluiceError
from sluice.lake.commit import commit
from sluice.model.facts import Fact, StagedFile
from sluice.steps import room, settled
from sluice.steps.audit import Verdict
from sluice.steps.build import PARTITION, BuildPlan, Candidate, IntervalPlan
from sluice.steps.milestones import count, say
from sluice.steps.publications import Attempt, app, record
from sluice.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Published(Fact):
    """What became of every interval of a run."""

    product: str
    run: str
    version: int | None
    outcomes: dict[str, str]  # label -> published | degraded | unchanged | refused | failed
    rows: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    diffs: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    path: str = "eager"
    cost: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False)  # of building and auditing

    @property
    def worst(self) -> str:
        order = ["failed", "refused", "degraded", "published", "unchanged"]
        return min(self.outcomes.values(), key=order.index, default="unchanged")


def publish(
    ws: Workspace,
    plan: BuildPlan,
    candidates: Sequence[Candidate],
    verdicts: Mapping[str, Verdict],
    reason: str = "scheduled",
) -> Published:
    """Commits the intervals that passed; records those that did not, so that the lake knows why."""
    plans = {p.label: p for p in plan.each()}
    files = {label: f for c in candidates for label, f in c.files.items()}
    passed = [label for label, verdict in verdicts.items() if verdict.passed]
    outcomes = {p.label: "unchanged" for p in plans.values() if p.state == "unchanged"}
    outcomes |= {p.label: "failed" for p in plans.values() if p.state == "waiting"}
    outcomes |= {label: "refused" for label, verdict in verdicts.items() if not verdict.passed}
    outcomes |= {label: "degraded" if plans[label].caveats else "published" for label in passed}
    diffs = {label: difference(plans[label].standing, verdicts[label]) for label in verdicts}
    size = sum(f["size"] for each in files.values() for f in each)
    cost = {
        "build": room.total((c.cost for c in candidates), plan.rows, size),
        "audit": room.total((v.cost for v in verdicts.values()), sum(v.rows for v in verdicts.values()), size),
    }
    version = None
    if passed:
        version = _commit(ws, plan, passed, files, verdicts, outcomes, diffs, reason, cost)
    errors = _record(ws, plan, plans, verdicts, files)
    return Published(
        product=plan.product,
        run=plan.run,
        version=version,
        outcomes=dict(sorted(outcomes.items())),
        rows={label: verdict.rows for label, verdict in verdicts.items()},
        reasons={
            **{label: v.reason for label, v in verdicts.items()},
            **{label: e["what"] for label, e in errors.items()},
        },
        diffs=diffs,
        errors=errors,
        checks={label: list(v.checks) for label, v in verdicts.items()},
        path=plan.path,
        cost=cost,
    )


def difference(standing: Mapping[str, Any] | None, verdict: Verdict) -> dict[str, Any]:
    """Rows and metrics against the version readers see now."""
    before = standing or {}
    old = before.get("metrics", {})
    return {
        "against": before.get("version"),
        "rows": [before.get("rows"), verdict.rows],
        "metrics": {name: [old.get(name), value] for name, value in verdict.metrics.items()},
    }


def _commit(
    ws: Workspace,
    plan: BuildPlan,
    passed: Sequence[str],
    files: Mapping[str, list[dict[str, Any]]],
    verdicts: Mapping[str, Verdict],
    outcomes: Mapping[str, str],
    diffs: Mapping[str, Any],
    reason: str,
    cost: Mapping[str, Any],
) -> int:
    contract = ws.catalog.product(plan.product)
    settled.refuse_edited(ws, plan.product, plan.contract)
    plans = {p.label: p for p in plan.each()}
    schema = pl.Schema({**{n: c.parsed.polars() for n, c in contract.output.columns.items()}, PARTITION: pl.String()})
    failpoints.reach("publish.committing")
    committed = commit(
        ws.gold(plan.product),
        schema,
        run=plan.run,
        add=[StagedFile.from_dict(f) for label in passed for f in files[label]],
        remove=lambda current: current.in_partitions(passed),
        expect={app(plan.product, label): plans[label].expected for label in passed},
        metadata={
            "kind": "publish",
            "product": plan.product,
            "reason": reason,
            "versions": plan.versions,
            "contract": {"version": plan.contract_version, "hash": plan.contract},
            "code": plan.code,
            "cut": settled.cut_of(contract),
            "path": plan.path,
            "cost": cost,
            "intervals": {
                label: _interval_facts(plans[label], verdicts[label], outcomes[label], diffs[label]) for label in passed
            },
            **ws.signature(),
        },
        partition=PARTITION,
    )
    failpoints.reach("publish.committed")
    say("%s: published %s as version %d", plan.product, count(len(passed), "interval"), committed.version)
    return committed.version


def _interval_facts(plan: IntervalPlan, verdict: Verdict, outcome: str, diff: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "rows": verdict.rows,
        "verdict": verdict.outcome,
        "reason": verdict.reason,
        "caveats": [*plan.caveats, *verdict.caveats],
        "input_caveats": list(plan.caveats),
        "checks": list(verdict.checks),
        "metrics": verdict.metrics,
        "profile": verdict.profile,
        "diff": diff,
        "inputs": plan.inputs,
        "fingerprint": plan.fingerprint,
    }


def _record(
    ws: Workspace,
    plan: BuildPlan,
    plans: Mapping[str, IntervalPlan],
    verdicts: Mapping[str, Verdict],
    files: Mapping[str, list[dict[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """Refusals and waits, written down in the lake; returns them by interval."""
    errors: dict[str, dict[str, Any]] = {}
    details: dict[str, dict[str, Any]] = {}
    for label, verdict in verdicts.items():
        if not verdict.passed:
            errors[label] = {
                "code": verdict.code, "disposition": "refused", "what": verdict.reason, "where": f"gold.{plan.product}",
                "remedy": "Mend the source and run again. Readers keep the previous version until then.",
            }  # fmt: skip
            details[label] = {"checks": list(verdict.checks), "candidate": files[label], "inputs": plans[label].inputs,
                              "rows": verdict.rows, "metrics": verdict.metrics}  # fmt: skip
    for label, each in plans.items():
        if each.error:
            errors[label], details[label] = each.error, {"inputs": each.inputs}
    record(ws, *(_attempt(ws, plans[label], plan, error, details[label]) for label, error in errors.items()))
    return errors


def _attempt(
    ws: Workspace, interval: IntervalPlan, plan: BuildPlan, error: Mapping[str, Any], detail: dict[str, Any]
) -> Attempt:
    known = {k: error.get(k, "") for k in ("code", "disposition", "what", "where", "remedy")}
    facts = {**detail, "fingerprint": interval.fingerprint, **ws.signature()}
    return Attempt(plan.product, interval.label, ws.now().isoformat(), plan.run, **known, detail=facts)


def as_error(published: Published) -> SluiceError | None:
    """The error that the run's worst interval stands for; None when all is well."""
    from sluice.errors import Broken, Late, Misconfigured, Refused, Transient

    kinds = {k.disposition: k for k in (Broken, Late, Misconfigured, Refused, Transient)}
    for _, error in sorted(published.errors.items(), key=lambda item: item[1]["disposition"] != "refused"):
        kind = kinds[error["disposition"]]
        return kind(error["code"], error["what"], error.get("where", ""), error.get("remedy", ""))
    return None
