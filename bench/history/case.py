"""History: what a pipeline of hourly commits costs after two days and after three years.

The histories are made (`make.py`), what is measured is real (`look.py`): every question starts with nothing remembered.
Beside them stands what no table can do without: `DeltaTable(…)` on the same table.
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from bench import measure
from bench.figures import Figure
from bench.history.make import make

# Of one kind: as many entries since the newest checkpoint, and the next hour begins a new day.
SHORT, FULL = (48, 648, 3_048), (48, 648, 3_048, 10_248, 26_448)
GOAL = 1.5  # times the smallest history, and times the peer
QUESTIONS = ("open", "plan", "plan again", "status", "explain", "explain old")
STEPS = ("land", "refine", "build", "publish")  # of one more hour; the audit is the gate's own case


def options(parser: ArgumentParser) -> None:
    del parser


def run(wanted: Namespace) -> dict[str, Figure]:
    sizes = FULL if wanted.full else SHORT
    folder = Path(tempfile.mkdtemp(prefix="bench-history-"))
    try:
        for size in sizes:
            make(folder / str(size), size)
        programs = {
            str(size): lambda _, size=size: measure.Program("bench.history.look", ["--folder", str(folder / str(size))])
            for size in sizes
        }
        reports = measure.turns(programs, min(wanted.rounds, 3))  # each asks nine times already
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    def cost(size: int, *stages: str) -> float:
        milliseconds = measure.median(reports[str(size)], lambda report: sum(report.stages[s].cpu for s in stages))
        return round(milliseconds * 1000, 1)

    figures: dict[str, Figure] = {}
    series = {question.replace(" ", "_"): (question,) for question in QUESTIONS} | {"day": STEPS}
    for name, stages in {**series, "open.deltalake": ("deltalake",)}.items():
        for size in sizes:
            figures[f"history.{name}@{size}"] = Figure(cost(size, *stages), "CPU ms")
    first, last = sizes[0], sizes[-1]
    peer = {size: cost(size, "deltalake") for size in sizes}
    for name, stages in series.items():
        grown = cost(last, *stages) / cost(first, *stages)
        figures[f"history.{name}.growth"] = Figure(round(grown, 2), f"x, {first} to {last} commits", goal=GOAL)
    figures["history.open.ratio"] = Figure(
        round(cost(last, "open") / peer[last], 2), f"x DeltaTable, {last} commits", goal=1.1
    )
    return figures
