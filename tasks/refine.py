"""Prefect runs refining: one task finds the touched days, one sieves a group of them, one commits."""

from __future__ import annotations

from typing import Any

from prefect import unmapped
from prefect.futures import PrefectFutureList

from sluice.steps import refine
from tasks._presets import lake, pure
from tasks._workspace import workspace


@lake(task_run_name="plan refining {source}")
def plan_refining(source: str, run: str, after: Any = None) -> dict[str, Any]:
    """`after` is the landing this waits for."""
    return refine.plan(workspace(), source, run).as_dict()


@pure(task_run_name="refine {plan[source]} {days}")
def refine_days(plan: dict[str, Any], days: list[str]) -> dict[str, Any]:
    return refine.refine_days(workspace(), refine.Refining.from_dict(plan), days).as_dict()


@lake(task_run_name="commit refining {plan[source]}")
def commit_refining(plan: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    done = [refine.RefinedDays.from_dict(p) for p in parts]
    return refine.commit_refining(workspace(), refine.Refining.from_dict(plan), done).as_dict()


def fan_out(plan: dict[str, Any]) -> PrefectFutureList[dict[str, Any]]:
    """One mapped task per group of days."""
    groups = [list(g) for g in plan["groups"]]
    return refine_days.map(unmapped({**plan, "groups": []}), groups)
