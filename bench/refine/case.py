"""Refining beside plain DuckDB: of the same bronze the latest row of each key, its rules, and the rejected set aside.

DuckDB writes a file a table, and once more a file a day, as Sluice does: what days cost is then told apart from what
the rest costs. What it does not do: keep each rejected row's reasons, count what was superseded, sort, flush, commit.
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from bench import measure
from bench.figures import Figure
from bench.measure import Program, Report

DAYS = (365, 2_500)
CPU_RATIO = 1.5


def options(parser: ArgumentParser) -> None:
    """Nothing but what every case has."""


def run(wanted: Namespace) -> dict[str, Figure]:
    rows = 6_000_000 if wanted.full else 600_000
    found: dict[str, Figure] = {}
    # Taken away at the end and not between the rounds: ext4 looks through thousands of inodes that were given back
    # within the last minutes for every new one, and each file would cost a millisecond more than it does.
    folder = Path(tempfile.mkdtemp(prefix="bench-refine-"))
    try:
        for days in DAYS:
            bronze = folder / f"bronze-{days}"
            measure.run(Program("bench.refine.data", ["--lake", str(bronze), "--rows", str(rows), "--days", str(days)]))
            programs = {
                "sluice": _service(bronze, folder / f"sluice-{days}"),
                "duckdb": _duck(bronze, folder / f"duckdb-{days}"),
                "duckdb_by_day": _duck(bronze, folder / f"by-day-{days}", "--by-day"),
            }
            reports = measure.turns(programs, min(wanted.rounds, 3))
            _same(reports)
            found |= _figures(days, reports, CPU_RATIO if wanted.full else None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _service(bronze: Path, lake: Path) -> Callable[[int], Program]:
    def program(number: int) -> Program:
        own = Path(f"{lake}-{number}")
        shutil.copytree(bronze, own)
        return Program("bench.refine.service", ["--lake", str(own)])

    return program


def _duck(bronze: Path, out: Path, *more: str) -> Callable[[int], Program]:
    return lambda number: Program("bench.refine.duck", ["--lake", str(bronze), "--out", f"{out}-{number}", *more])


def _same(reports: dict[str, list[Report]]) -> None:
    """A benchmark of programs that do not agree measures nothing."""
    answers = {
        tuple(r.facts[name] for name in ("good", "rejected", "revenue")) for each in reports.values() for r in each
    }
    if len(answers) != 1:
        raise RuntimeError(f"they do not agree: {answers}")


def _figures(days: int, reports: dict[str, list[Report]], goal: float | None) -> dict[str, Figure]:
    """Of the refining alone: the interpreter's start and the imports are other cases'."""
    cpu = {name: measure.median(each, lambda report: report.stages["refine"].cpu) for name, each in reports.items()}
    peak = {name: measure.median(each, measure.peak) for name, each in reports.items()}
    facts = {name: each[0].facts for name, each in reports.items()}
    found = {}
    for name, seconds in cpu.items():
        peer = "" if name == "sluice" else f".{name}"
        found[f"refine.cpu{peer}@{days}"] = Figure(round(seconds, 2), "s")
        found[f"refine.peak{peer}@{days}"] = Figure(round(peak[name]), "MB")
        found[f"refine.files{peer}@{days}"] = Figure(facts[name]["files"], "files")
        found[f"refine.size{peer}@{days}"] = Figure(round(facts[name]["bytes"] / 1e6, 1), "MB")
    files = facts["sluice"]["files"]
    return found | {
        f"refine.ratio@{days}": Figure(round(cpu["sluice"] / cpu["duckdb"], 2), "x DuckDB", goal=goal),
        f"refine.ratio_by_day@{days}": Figure(round(cpu["sluice"] / cpu["duckdb_by_day"], 2), "x DuckDB by day"),
        f"refine.per_file@{days}": Figure(round(cpu["sluice"] / files * 1000, 2), "ms of CPU"),
    }
