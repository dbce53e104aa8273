"""Prefect runs building: one task pins the inputs, one builds a run of intervals."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectFuture

from sluice.errors import SluiceError
from sluice.steps import build
from tasks._presets import as_it_is, lake, pure
from tasks._workspace import workspace


@lake(task_run_name="plan {product} {intervals}")
def plan_build(
    product: str, intervals: list[str], run: str, failed: dict[str, SluiceError] | None = None
) -> dict[str, Any]:
    ws = workspace()
    calendar = ws.catalog.product(product).calendar
    return build.plan(ws, product, [calendar.parse(label) for label in intervals], run, failed).as_dict()


@pure(task_run_name="build {plan[product]} {labels}")
def build_intervals(plan: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    return build.build(workspace(), build.BuildPlan.from_dict(plan), labels).as_dict()


def fan_out(plan: dict[str, Any]) -> list[PrefectFuture[dict[str, Any]]]:
    return [build_intervals.submit(as_it_is(plan), as_it_is(list(chunk))) for chunk in plan["chunks"]]
