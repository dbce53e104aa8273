"""The pipeline's own steps over made sales, without the orchestrator.

python -m bench.backfill.service --lake FOLDER --drop FOLDER ingest publish --days 365
python -m bench.backfill.service --lake FOLDER --drop FOLDER ingest publish --days 365..366
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from bench.backfill.data import day
from bench.measure import Report
from sluice.model.facts import Split
from sluice.settings import Settings
from sluice.steps import audit, build, land, publish, refine
from sluice.steps.workspace import Workspace, new_run

SOURCE, PRODUCT = "sales", "sales_days"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="+", choices=["ingest", "publish"])
    parser.add_argument("--lake", required=True)
    parser.add_argument("--drop", required=True)
    parser.add_argument("--days", required=True, help="FIRST..END, as numbers; END is not of them.")
    parser.add_argument("--answer", type=Path, help="Where to write these days of gold, to compare.")
    options = parser.parse_args()
    first, end = (int(number) for number in options.days.split(".."))
    settings = Settings(
        _env_file=None, lake=options.lake, catalog=Path(__file__).parent / "catalog",
        connections={"drop": options.drop}, now=datetime.combine(day(end), time(6), UTC) + timedelta(days=1),
    )  # fmt: skip
    report = Report()
    if "ingest" in options.what:
        _ingest(settings, report)
    if "publish" in options.what:
        _publish(settings, report, f"{day(first)}..{day(end - 1)}")
    if options.answer:
        gold = Workspace.of(settings).gold(PRODUCT).snapshot()
        assert gold is not None
        report.facts["version"] = gold.version
        gold.scan().drop("_interval").sort("sold_on", "shop").collect().write_parquet(options.answer)
    report.hand_back()


def _ingest(settings: Settings, report: Report) -> None:
    ws, run = Workspace.of(settings), new_run()
    with ThreadPoolExecutor(settings.workers) as pool:
        with report.stage("land") as cost:
            plan = land.plan(ws, SOURCE, run)
            splits = [Split.from_dict(each) for each in plan.splits]
            parts = list(pool.map(lambda split: land.land_split(ws, plan, split), splits))
            cost.rows = land.commit_landing(ws, plan, parts).rows
        with report.stage("refine"):
            touched = refine.plan(ws, SOURCE, run)
            groups = list(pool.map(lambda days: refine.refine_days(ws, touched, days), touched.groups))
            refined = refine.commit_refining(ws, touched, groups)
    assert cost.rows
    assert not refined.rejected, refined
    assert not refined.refused, refined


def _publish(settings: Settings, report: Report, wanted: str) -> None:
    ws, run = Workspace.of(settings), new_run()
    intervals = ws.catalog.product(PRODUCT).calendar.parse_range(wanted)
    with report.stage("build") as cost:
        plan = build.plan(ws, PRODUCT, intervals, run)
        candidates = [build.build(ws, plan, labels) for labels in plan.chunks]
        cost.rows = plan.rows
    with report.stage("audit"):
        verdicts = {label: v for c in candidates for label, v in audit.audit(ws, plan, c).items()}
    with report.stage("publish"):
        published = publish.publish(ws, plan, candidates, verdicts, "bench")
    outcomes = Counter(published.outcomes.values())
    assert outcomes == {"published": len(intervals)}, (outcomes, Counter(published.reasons.values()).most_common(3))
    report.facts["builds"] = len(plan.chunks)


if __name__ == "__main__":
    main()
