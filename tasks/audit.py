"""Prefect runs the gate over a candidate's files."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectFuture

from sluice.steps import audit
from sluice.steps.build import BuildPlan, Candidate
from tasks._presets import as_it_is, pure
from tasks._workspace import workspace


@pure(task_run_name="audit {plan[product]} {candidate[labels]}")
def audit_candidate(plan: dict[str, Any], candidate: dict[str, Any]) -> dict[str, Any]:
    verdicts = audit.audit(workspace(), BuildPlan.from_dict(plan), Candidate.from_dict(candidate))
    return {label: verdict.as_dict() for label, verdict in verdicts.items()}


def fan_out(plan: dict[str, Any], candidates: Any) -> list[PrefectFuture[dict[str, Any]]]:
    return [audit_candidate.submit(as_it_is(plan), as_it_is(candidate)) for candidate in candidates]
