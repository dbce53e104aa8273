"""The pipeline's own steps over TPC-H, in their order and without the orchestrator.

python -m bench.tpch.service --lake FOLDER --dsn ADDRESS --answer FILE
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from importlib import import_module
from pathlib import Path

from bench.measure import Report
from bench.tpch.data import FIRST, LAST, NOW
from sluice.model.facts import Split
from sluice.settings import Settings
from sluice.steps import audit, build, land, publish, refine
from sluice.steps.workspace import Workspace, new_run

SOURCES = ("orders", "lineitem")
PRODUCT = "daily_revenue"


def main() -> None:
    options = _options()
    settings = Settings(
        _env_file=None, lake=options.lake, catalog=Path(__file__).parent / "catalog",
        connections={"tpch": options.dsn}, now=datetime.fromisoformat(NOW),
    )  # fmt: skip
    ws, run, report = Workspace.of(settings), new_run(), Report()
    with ThreadPoolExecutor(options.workers) as pool:
        for source in SOURCES:
            with report.stage(f"land {source}") as cost:
                cost.rows = _land(ws, source, run, pool)
        for source in SOURCES:
            with report.stage(f"refine {source}") as cost:
                refined = _refine(ws, source, run, pool)
                cost.rows = sum(c["in"] for c in refined.counts.values())
            report.facts[f"refused days of {source}"] = len(refined.refused)
            report.facts[f"rejected rows of {source}"] = refined.rejected
    intervals = ws.catalog.product(PRODUCT).calendar.parse_range(f"{options.first}..{options.last}")
    with report.stage("build") as cost:
        plan = build.plan(ws, PRODUCT, intervals, run)
        candidates = [build.build(ws, plan, labels) for labels in plan.chunks]
        cost.rows = sum(sum(c.rows.values()) for c in candidates)
    with report.stage("gate start"):
        import_module("sluice.quality.engine_checkpoint")  # brings Great Expectations
    with report.stage("audit") as cost:
        verdicts = {label: v for c in candidates for label, v in audit.audit(ws, plan, c).items()}
        cost.rows = len(verdicts)
    with report.stage("publish") as cost:
        published = publish.publish(ws, plan, candidates, verdicts, "bench")
        cost.rows = sum(published.rows.values())
    report.facts["intervals"] = dict(Counter(published.outcomes.values()))
    report.facts["path"] = plan.path
    gold = ws.gold(PRODUCT).snapshot()
    assert gold is not None
    gold.scan().sort("day").collect().drop("_interval").write_parquet(options.answer)
    report.hand_back()


def _land(ws: Workspace, source: str, run: str, pool: Executor) -> int:
    plan = land.plan(ws, source, run)
    splits = [Split.from_dict(each) for each in plan.splits]
    return land.commit_landing(ws, plan, list(pool.map(lambda split: land.land_split(ws, plan, split), splits))).rows


def _refine(ws: Workspace, source: str, run: str, pool: Executor) -> refine.Refined:
    plan = refine.plan(ws, source, run)
    parts = list(pool.map(lambda days: refine.refine_days(ws, plan, days), plan.groups))
    return refine.commit_refining(ws, plan, parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", required=True)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--answer", required=True, help="Where to write gold as one file, to compare.")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--first", default=FIRST)
    parser.add_argument("--last", default=LAST)
    return parser.parse_args()


if __name__ == "__main__":
    main()
