"""Prefect runs publishing: one commit for all intervals of the run that passed."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectFuture

from sluice.steps import publish
from sluice.steps.audit import Verdict
from sluice.steps.build import BuildPlan, Candidate
from tasks._presets import as_it_is, lake
from tasks._workspace import workspace


@lake(task_run_name="publish {plan[product]}")
def publish_intervals(
    plan: dict[str, Any], candidates: list[dict[str, Any]], verdicts: list[dict[str, Any]], reason: str
) -> dict[str, Any]:
    judged = {label: Verdict.from_dict(v) for part in verdicts for label, v in part.items()}
    made = [Candidate.from_dict(c) for c in candidates]
    return publish.publish(workspace(), BuildPlan.from_dict(plan), made, judged, reason).as_dict()


def submit(
    plan: dict[str, Any], candidates: list[dict[str, Any]], verdicts: list[dict[str, Any]], reason: str
) -> PrefectFuture[dict[str, Any]]:
    return publish_intervals.submit(as_it_is(plan), as_it_is(candidates), as_it_is(verdicts), reason)
