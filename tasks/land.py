"""Prefect runs landing: one task plans a source, one reads some of its splits, one commits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from prefect.futures import PrefectFuture

from sluice.errors import SluiceError
from sluice.model.facts import Split
from sluice.steps import land
from sluice.steps.demand import demand, parse
from tasks._limits import slot
from tasks._presets import as_agreed, as_it_is, lake, may_pass, network, once_a_flow_run
from tasks._workspace import workspace

T = TypeVar("T")
log = logging.getLogger("sluice.landing")

# How many tasks the splits of a source make at most: beyond, several share one. A task costs the client 4 ms and the
# server 15 to 40; a split that shares one, a tenth of that.
TASKS = 64


@network(task_run_name="plan {source}")
def plan_landing(source: str, run: str, product: str | None = None, intervals: str | None = None) -> dict[str, Any]:
    ws = workspace()
    wanted = demand(ws, product, parse(ws, product, intervals)).sources[source] if product else []
    with slot(source):
        return land.plan(ws, source, run, wanted).as_dict()


@network(task_run_name="land {plan[source]} {label}")
def land_splits(plan: dict[str, Any], splits: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    """One after the other. A split that fails stops only itself: what the others have staged is not read again."""
    done, errors = [], []
    identity = [plan[name] for name in ("source", "expected", "before", "contract")]
    for split in splits:
        try:
            done.append(once_a_flow_run(partial(_land_split, plan, split), identity, split))
        except SluiceError as error:
            errors.append(error)
    if errors:
        decides = min(errors, key=may_pass)  # one that no second try can mend, where there is one
        for other in errors:
            if other is not decides:
                log.warning("%s: %s", plan["source"], other)
        raise decides
    return done


@lake(task_run_name="commit {plan[source]}")
def commit_landing(plan: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    done = [land.LandedSplit.from_dict(p) for p in parts]
    return land.commit_landing(workspace(), land.Landing.from_dict(plan), done).as_dict()


def plan(source: str, run: str, product: str | None, interval: str | None) -> PrefectFuture[dict[str, Any]]:
    agreed = as_agreed(plan_landing, workspace().catalog.source(source).retry)
    return agreed.submit(source, run, product, interval)


def fan_out(plan: dict[str, Any]) -> list[PrefectFuture[list[dict[str, Any]]]]:
    """The splits in their order, some to a task; the plan travels without them."""
    agreed = as_agreed(land_splits, workspace().catalog.source(plan["source"]).retry)
    head = {**plan, "splits": []}
    return [agreed.submit(as_it_is(head), as_it_is(some), _label(some)) for some in bundled(plan["splits"], TASKS)]


def commit(plan: dict[str, Any], parts: list[list[dict[str, Any]]]) -> PrefectFuture[dict[str, Any]]:
    return commit_landing.submit(as_it_is(plan), as_it_is([split for part in parts for split in part]))


def bundled(splits: Sequence[T], most: int) -> list[list[T]]:
    """Neighbours together, in at most so many bundles of even size; one each where there are few."""
    size = -(-len(splits) // most)
    return [list(splits[start : start + size]) for start in range(0, len(splits), size or 1)]


def _land_split(plan: dict[str, Any], split: dict[str, Any]) -> dict[str, Any]:
    with slot(plan["source"]):
        return land.land_split(workspace(), land.Landing.from_dict(plan), Split.from_dict(split)).as_dict()


def _label(splits: list[dict[str, Any]]) -> str:
    more = f" and {len(splits) - 1} more" if splits[1:] else ""
    return f"{splits[0]['label']}{more}"
