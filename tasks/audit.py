"""Prefect runs the gate over a candidate's files."""

from __future__ import annotations

from typing import Any

from prefect import unmapped
from prefect.futures import PrefectFutureList

from sluice.steps import audit
from sluice.steps.build import BuildPlan, Candidate
from tasks._presets import pure
from tasks._workspace import workspace


@pure(task_run_name="audit {plan[product]} {candidate[labels]}")
def audit_candidate(plan: dict[str, Any], candidate: dict[str, Any]) -> dict[str, Any]:
    verdicts = audit.audit(workspace(), BuildPlan.from_dict(plan), Candidate.from_dict(candidate))
    return {label: verdict.as_dict() for label, verdict in verdicts.items()}


def fan_out(plan: dict[str, Any], candidates: Any) -> PrefectFutureList[dict[str, Any]]:
    return audit_candidate.map(unmapped(plan), candidates)
