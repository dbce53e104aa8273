"""A source of many splits: what each costs the client beside what reading it costs, and beside a bare Prefect task.

Tiny files, a split each, so that nothing but the fan-out is seen. What the same steps cost without the orchestrator is
taken off. CPU of the client; the server is a process of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from bench import measure
from bench.figures import Figure
from bench.measure import Program, Report
from bench.server import prefect_server

SHORT = (10, 100, 1000)
FULL = (*SHORT, 10_000)
PEER_UP_TO = 1000  # ten thousand task runs would keep the server busy for minutes
PER_SPLIT_MS = 10.0
FLAT = 1.3


def options(parser: ArgumentParser) -> None:
    pass


def run(wanted: Namespace) -> dict[str, Figure]:
    folder = Path(tempfile.mkdtemp(prefix="bench-fanout-"))
    found: dict[str, Figure] = {}
    whole: dict[int, float] = {}
    sizes = FULL if wanted.full else SHORT
    try:
        with prefect_server(folder / "prefect") as environment:
            for size in sizes:
                programs = {how: partial(_service, how, size, folder, environment) for how in ("flow", "steps")}
                if size <= PEER_UP_TO:
                    programs["prefect"] = partial(_alone, size, environment)
                rounds = wanted.rounds if size <= PEER_UP_TO else 1
                each = {
                    name: measure.median(reports, partial(_each, size))
                    for name, reports in measure.turns(programs, rounds).items()
                }
                whole[size] = each["flow"]
                found[f"fanout.cpu_per_split@{size}"] = Figure(
                    round(each["flow"] - each["steps"], 2), "ms", goal=PER_SPLIT_MS
                )
                found[f"fanout.cpu_per_split.with_steps@{size}"] = Figure(round(each["flow"], 2), "ms")
                found[f"fanout.cpu_per_split.steps@{size}"] = Figure(round(each["steps"], 2), "ms")
                if "prefect" in each:
                    found[f"fanout.cpu_per_task.prefect@{size}"] = Figure(round(each["prefect"], 2), "ms")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["fanout.flat"] = Figure(round(whole[sizes[-1]] / whole[100], 2), "x at 100", goal=FLAT)
    return found


def _service(how: str, size: int, folder: Path, environment: dict[str, str], number: int) -> Program:
    own = folder / f"{how}-{size}-{number}"
    catalog = Path(__file__).parent / "catalog"
    told = {"LAKE": own / "lake", "CATALOG": catalog, "CONNECTIONS__DROPS": own / "drop"}
    return Program(
        "bench.fanout.service",
        [how, "--splits", str(size), "--drop", str(own / "drop")],
        {**environment, **{f"SLUICE_{name}": str(path) for name, path in told.items()}},
    )


def _alone(size: int, environment: dict[str, str], number: int) -> Program:
    return Program("bench.fanout.alone", ["--tasks", str(size)], environment)


def _each(size: int, report: Report) -> float:
    """Milliseconds for each further split: a run with one is taken off, with all that a run costs anyhow."""
    return (report.stages["many"].cpu - report.stages["one"].cpu) / (size - 1) * 1000
