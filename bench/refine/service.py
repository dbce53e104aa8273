"""Refines what bronze holds, with the pipeline's own steps and without the orchestrator.

python -m bench.refine.service --lake FOLDER
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from bench.measure import Report
from sluice.settings import Settings
from sluice.steps import refine
from sluice.steps.workspace import Workspace, new_run

SOURCE = "sales"
NOW = "2026-05-02T00:00:00+00:00"


def workspace(lake: str) -> Workspace:
    catalog = Path(__file__).parent / "catalog"
    return Workspace.of(Settings(_env_file=None, lake=lake, catalog=catalog, now=datetime.fromisoformat(NOW)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", required=True)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    ws, report = workspace(options.lake), Report()
    with report.stage("refine") as cost, ThreadPoolExecutor(options.workers) as pool:
        plan = refine.plan(ws, SOURCE, new_run())
        parts = list(pool.map(lambda days: refine.refine_days(ws, plan, days), plan.groups))
        refined = refine.commit_refining(ws, plan, parts)
        cost.rows = sum(count["in"] for count in refined.counts.values())
    silver, quarantine = ws.silver(SOURCE).snapshot(), ws.quarantine(SOURCE).snapshot()
    assert silver is not None
    assert quarantine is not None
    files = [*silver.files(), *quarantine.files()]
    report.facts |= {
        "good": sum(file.rows for file in silver.files()),
        "rejected": sum(file.rows for file in quarantine.files()),
        "revenue": str(silver.scan().select("price").sum().collect().item()),
        "files": len(files),
        "bytes": sum(file.size for file in files),
    }
    report.hand_back()


if __name__ == "__main__":
    main()
