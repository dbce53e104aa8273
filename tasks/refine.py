"""Prefect runs refining: one task finds the touched days, one sieves a group of them, one commits."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectFuture

from sluice.steps import refine
from tasks._presets import as_it_is, lake, pure
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


def fan_out(plan: dict[str, Any]) -> list[PrefectFuture[dict[str, Any]]]:
    """One task per group of days."""
    head = {**plan, "groups": []}
    return [refine_days.submit(as_it_is(head), as_it_is(list(group))) for group in plan["groups"]]


def commit(plan: dict[str, Any], parts: list[dict[str, Any]]) -> PrefectFuture[dict[str, Any]]:
    return commit_refining.submit(as_it_is(plan), as_it_is(parts))
