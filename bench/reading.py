"""One source read or landed with the pipeline's own steps, and nothing else.

python -m bench.reading --catalog FOLDER --source NAME --connection NAME=ADDRESS --lake FOLDER {frames,land}
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.measure import Report
from sluice.model.facts import Split
from sluice.settings import Settings
from sluice.sources.base import connect
from sluice.steps import land
from sluice.steps.workspace import Workspace, new_run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["frames", "land"], help="Up to frames in memory, or bronze and its commit.")
    parser.add_argument("--catalog", required=True, type=Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--connection", required=True)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    name, _, address = options.connection.partition("=")
    settings = Settings(_env_file=None, lake=options.lake, catalog=options.catalog, connections={name: address})
    ws, report = Workspace.of(settings), Report()
    work = _frames if options.how == "frames" else _land
    with ThreadPoolExecutor(options.workers) as pool, report.stage(options.how) as cost:
        cost.rows = work(ws, options.source, pool)
    report.hand_back()


def _frames(ws: Workspace, source: str, pool: ThreadPoolExecutor) -> int:
    connector = connect(ws.catalog.source(source), ws.reach)
    splits = connector.plan(None, (), lambda _unit, _version: False).splits
    return sum(pool.map(lambda split: sum(frame.height for frame in connector.read(split)), splits))


def _land(ws: Workspace, source: str, pool: ThreadPoolExecutor) -> int:
    plan = land.plan(ws, source, new_run())
    splits = [Split.from_dict(each) for each in plan.splits]
    return land.commit_landing(ws, plan, list(pool.map(lambda split: land.land_split(ws, plan, split), splits))).rows


if __name__ == "__main__":
    main()
