"""Prefect alone: a flow of so many tasks that do nothing. What a task each would cost at the least.

python -m bench.fanout.alone --tasks 1000
"""

from __future__ import annotations

import argparse
from typing import Any

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from bench.measure import Report


@task
def nothing(number: int) -> dict[str, int]:
    return {"number": number}


_THREADS: Any = ThreadPoolTaskRunner(max_workers=4)


@flow(task_runner=_THREADS)
def many(tasks: int) -> int:
    return len(nothing.map(list(range(tasks))).result())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, required=True)
    options = parser.parse_args()
    report = Report()
    for name, tasks in {"first": 1, "one": 1, "many": options.tasks}.items():
        with report.stage(name) as cost:
            cost.rows = many(tasks)
        assert cost.rows == tasks
    report.hand_back()


if __name__ == "__main__":
    main()
