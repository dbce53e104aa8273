"""What Dask costs beside threads, and what it gains. On two cores nothing can become more than twice as fast."""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench import measure
from bench.figures import Figure
from bench.measure import Program, Report
from bench.server import prefect_server
from bench.tpch.data import NOW, load
from catalog.world.postgres import Postgres

PROCESSES = (1, 2, 4)
CATALOG = Path(__file__).parents[1] / "tpch" / "catalog"


def options(parser: ArgumentParser) -> None:
    """Nothing but what every case has."""


def run(wanted: Namespace) -> dict[str, Figure]:
    """Loads TPC-H once, and lands and refines it anew with each number of workers."""
    folder = Path(tempfile.mkdtemp(prefix="bench-dask-"))
    folder.chmod(0o755)  # as root in a container PostgreSQL runs as `nobody`
    try:
        with Postgres.start(folder / "server") as server, prefect_server(folder / "prefect") as known:
            load(server, 1.0 if wanted.full else 0.1)
            common = {
                **known, "SLUICE_CATALOG": str(CATALOG), "SLUICE_CONNECTIONS__TPCH": server.dsn, "SLUICE_NOW": NOW,
            }  # fmt: skip
            reports = measure.turns(
                {str(each): _program(each, folder, common) for each in (0, *PROCESSES)}, min(wanted.rounds, 3)
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if len({report.facts["silver"] for each in reports.values() for report in each}) != 1:
        raise RuntimeError("threads and workers do not come to the same silver")
    return _figures(reports)


def _program(processes: int, folder: Path, common: dict[str, str]) -> Callable[[int], Program]:
    def program(number: int) -> Program:
        lake = str(folder / f"lake-{processes}-{number}")
        return Program("bench.dask.service", ["--processes", str(processes)], {**common, "SLUICE_LAKE": lake})

    return program


def _figures(reports: dict[str, list[Report]]) -> dict[str, Figure]:
    threads = reports.pop("0")
    wall = measure.median(threads, lambda report: report.stages["run"].wall)
    found = {
        "dask.wall.threads": Figure(round(wall, 2), "s"),
        "dask.cpu.threads": Figure(round(measure.median(threads, lambda r: r.stages["run"].cpu), 2), "s"),
        "dask.peak.threads": Figure(round(measure.median(threads, lambda r: r.stages["run"].peak_mb)), "MB"),
    }
    for name, each in reports.items():
        took = measure.median(each, lambda report: report.stages["run"].wall)
        found |= {
            f"dask.wall@{name}": Figure(round(took, 2), "s"),
            f"dask.speedup@{name}": Figure(round(wall / took, 2), "x threads", better="higher"),
            f"dask.cpu@{name}": Figure(round(median(map(_whole_cpu, each)), 2), "s"),
            f"dask.cpu_of_workers@{name}": Figure(
                round(measure.median(each, lambda r: r.facts["workers_cpu"]), 2), "s"
            ),
            f"dask.start_wall@{name}": Figure(round(measure.median(each, lambda r: r.stages["start"].wall), 2), "s"),
            f"dask.start_cpu@{name}": Figure(round(measure.median(each, lambda r: r.facts["start_cpu"]), 2), "s"),
            f"dask.peak_of_a_worker@{name}": Figure(
                round(measure.median(each, lambda r: max(r.facts["worker_peaks_mb"]))), "MB"
            ),
        }
    return found


def _whole_cpu(report: Report) -> float:
    """Of the run, once everything is up: the flow, the scheduler, the workers."""
    return float(report.stages["run"].cpu + report.facts["scheduler_cpu"] + report.facts["workers_cpu"])
