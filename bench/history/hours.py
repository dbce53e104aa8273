"""A pipeline with one file an hour, as plain steps: what a run of one hour does, and where everything lies."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sluice.model.facts import Split
from sluice.model.interval import Interval
from sluice.settings import Settings
from sluice.steps import audit, build, land, publish, refine
from sluice.steps.workspace import Workspace

BEGAN = datetime(2023, 1, 1, tzinfo=UTC)
SOURCE, PRODUCT = "sales", "hourly_sales"
FIRST_ID = 7_000_001  # of the first hour; the others count on


def workspace(folder: Path, hours: int) -> Workspace:
    """As it is ten minutes after so many hours have passed."""
    (folder / "drop").mkdir(parents=True, exist_ok=True)
    return Workspace.of(
        Settings(
            _env_file=None, lake=str(folder / "lake"), catalog=Path(__file__).parent / "catalog",
            connections={"drop": str(folder / "drop")}, now=BEGAN + timedelta(hours=hours, minutes=10),
        )
    )  # fmt: skip


def passed(folder: Path) -> int:
    """How many hours are published: each is a commit, after the one that made the table."""
    gold = workspace(folder, 0).gold(PRODUCT).snapshot()
    return gold.version if gold else 0


def hour(ws: Workspace, number: int) -> Interval:
    return ws.catalog.product(PRODUCT).calendar.holding(BEGAN + timedelta(hours=number))


def run_hour(folder: Path, number: int, run: str, stage: Any = None) -> publish.Published:
    """A file comes, and everything that follows from it; `stage(name)` is entered around each step."""
    measured: Any = stage or (lambda name: nullcontext())
    ws = workspace(folder, number + 1)
    sold_at = BEGAN + timedelta(hours=number, minutes=30)
    file = folder / "drop" / f"{number:06}.csv"
    file.write_text(f"id,sold_at,amount\n{FIRST_ID + number},{sold_at:%Y-%m-%dT%H:%M:%SZ},10.00\n")
    os.utime(file, (sold_at.timestamp(), sold_at.timestamp()))
    with measured("land"):
        landing = land.plan(ws, SOURCE, run)
        land.commit_landing(ws, landing, [land.land_split(ws, landing, Split.from_dict(s)) for s in landing.splits])
    with measured("refine"):
        refining = refine.plan(ws, SOURCE, run)
        refine.commit_refining(ws, refining, [refine.refine_days(ws, refining, days) for days in refining.groups])
    with measured("build"):
        plan = build.plan(ws, PRODUCT, [hour(ws, number)], run)
        candidates = [build.build(ws, plan, labels) for labels in plan.chunks]
    with measured("audit"):
        verdicts = {label: v for c in candidates for label, v in audit.audit(ws, plan, c).items()}
    with measured("publish"):
        published = publish.publish(ws, plan, candidates, verdicts, "bench")
    file.unlink()  # where the next listing would find three years of files, they were archived
    return published
