"""What is asked of a long history: each question some times over, with nothing remembered between two of them.

python -m bench.history.look --folder FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from bench.history import hours
from bench.measure import Report
from sluice.lake import opened
from sluice.model.interval import Interval
from sluice.steps import build
from sluice.steps._explain import explain
from sluice.steps._sources import source_state
from sluice.steps.standing import Standing, recorded
from sluice.steps.workspace import Workspace, new_run

TIMES = 9
LAST = 14  # intervals that `sluice status` shows


def main() -> None:
    options = _options()
    folder, report = Path(options.folder), Report()
    passed = hours.passed(folder)
    ws = hours.workspace(folder, passed)
    newest, coming, old = (hours.hour(ws, number) for number in (passed - 1, passed, passed // 2))
    gold = ws.gold(hours.PRODUCT)
    questions: dict[str, Callable[[], Any]] = {
        "deltalake": lambda: DeltaTable(gold.uri),
        "open": gold.snapshot,
        "plan": lambda: _plan(hours.workspace(folder, passed + 1), coming),
        "plan again": lambda: _plan(ws, newest),
        "status": lambda: _status(ws),
        "explain": lambda: explain(ws, hours.PRODUCT, newest),
        "explain old": lambda: explain(ws, hours.PRODUCT, old),
    }
    for ask in questions.values():
        ask()  # imports, and what else happens once in a process
    for _ in range(TIMES):
        for name, ask in questions.items():
            opened.forget()
            with report.stage(name):
                ask()
    for name in questions:
        report.stages[name].cpu /= TIMES
    hours.run_hour(folder, passed, new_run())  # Great Expectations is imported here
    for number in range(passed + 1, passed + 1 + TIMES):
        opened.forget()  # each hour is a process of its own
        hours.run_hour(folder, number, new_run(), report.stage)
    for name in ("land", "refine", "build", "audit", "publish"):
        report.stages[name].cpu /= TIMES
    report.hand_back()


def _plan(ws: Workspace, interval: Interval) -> build.BuildPlan:
    return build.plan(ws, hours.PRODUCT, [interval], "bench")


def _status(ws: Workspace) -> None:
    Standing(ws).expected(hours.PRODUCT, LAST)
    source_state(ws, hours.SOURCE, recorded(ws, hours.SOURCE))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
