"""Prefect runs landing: one task plans a source, one a split, one commits."""

from __future__ import annotations

from typing import Any

from prefect import unmapped
from prefect.futures import PrefectFuture, PrefectFutureList

from sluice.model.facts import Split
from sluice.steps import land
from sluice.steps.demand import demand, parse
from tasks._limits import slot
from tasks._presets import as_agreed, lake, network, split
from tasks._workspace import workspace


@network(task_run_name="plan {source}")
def plan_landing(source: str, run: str, product: str | None = None, intervals: str | None = None) -> dict[str, Any]:
    ws = workspace()
    wanted = demand(ws, product, parse(ws, product, intervals)).sources[source] if product else []
    with slot(source):
        return land.plan(ws, source, run, wanted).as_dict()


@split(task_run_name="land {plan[source]} {split[label]}")
def land_split(plan: dict[str, Any], split: dict[str, Any]) -> dict[str, Any]:
    with slot(plan["source"]):
        return land.land_split(workspace(), land.Landing.from_dict(plan), Split.from_dict(split)).as_dict()


@lake(task_run_name="commit {plan[source]}")
def commit_landing(plan: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    done = [land.LandedSplit.from_dict(p) for p in parts]
    return land.commit_landing(workspace(), land.Landing.from_dict(plan), done).as_dict()


def plan(source: str, run: str, product: str | None, interval: str | None) -> PrefectFuture[dict[str, Any]]:
    agreed = as_agreed(plan_landing, workspace().catalog.source(source).retry)
    return agreed.submit(source, run, product, interval)


def fan_out(plan: dict[str, Any]) -> PrefectFutureList[dict[str, Any]]:
    """One mapped task per split; the plan travels without its splits."""
    agreed = as_agreed(land_split, workspace().catalog.source(plan["source"]).retry)
    return agreed.map(unmapped({**plan, "splits": []}), list(plan["splits"]))
