"""Tiny files landed, each a split of its own: through the flow, or by the same steps without it.

python -m bench.fanout.service flow --splits 1000 --drop FOLDER      (SLUICE_* and PREFECT_* say where)
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.measure import Report
from sluice.model.facts import Split
from sluice.settings import load
from sluice.steps import land, refine
from sluice.steps.workspace import Workspace, new_run

SOURCE = "drops"
ROWS = 5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["flow", "steps"])
    parser.add_argument("--splits", type=int, required=True)
    parser.add_argument("--drop", type=Path, required=True)
    options = parser.parse_args()
    ingest = _by_flow if options.how == "flow" else _by_steps
    report = Report()
    for name, files in {"first": 1, "one": 1, "many": options.splits}.items():  # the first pays for what is lazy
        _drop(options.drop, name, files)
        with report.stage(name) as cost:
            cost.rows = ingest()
        assert cost.rows == ROWS * files, cost.rows
    report.hand_back()


def _by_flow() -> int:
    from flows.ingest import ingest

    facts: Any = ingest([SOURCE])
    return int(facts[0]["rows"])


def _by_steps() -> int:
    settings = load()
    ws, run = Workspace.of(settings), new_run()
    with ThreadPoolExecutor(settings.workers) as pool:
        plan = land.plan(ws, SOURCE, run)
        parts = list(pool.map(lambda split: land.land_split(ws, plan, Split.from_dict(split)), plan.splits))
        landed = land.commit_landing(ws, plan, parts)
        touched = refine.plan(ws, SOURCE, run)
        refined = list(pool.map(lambda days: refine.refine_days(ws, touched, days), touched.groups))
        refine.commit_refining(ws, touched, refined)
    return landed.rows


def _drop(folder: Path, name: str, files: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        rows = [f"{name}-{number}-{row},2026-05-01T{row:02}:00:00Z,{row}.50" for row in range(ROWS)]
        text = "\n".join(["id,seen_at,amount", *rows]) + "\n"
        (folder / f"{name}-{number:05}.csv").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
