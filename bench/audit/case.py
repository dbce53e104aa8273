"""The gate beside Polars and SQL written by hand, and beside Great Expectations over pandas.

What a process pays once, mostly the import of Great Expectations, is a stage of its own in each program and told
apart: `audit.first`.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from bench import measure, peers
from bench.audit import data
from bench.figures import Figure
from bench.measure import Program, Report

# Polars written by hand looks for counts only; where some fail, the gate also says which rows, and looks again.
GOALS = {"pass": 1.05, "fail": 1.8}
PER_INTERVAL_MS = 5.0


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--audit-rows", type=int, help="Of the large candidate; 1 million, or 5 with --full.")


def run(wanted: Namespace) -> dict[str, Figure]:
    rows = wanted.audit_rows or (5_000_000 if wanted.full else 1_000_000)
    found: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as made:
        folder = Path(made)
        for case, goal in GOALS.items():
            path = folder / f"{case}.parquet"
            data.write(path, rows, spoilt=case == "fail")
            found |= _large(path, case, goal, wanted.rounds)
        data.write_days(folder / "days")
        days = measure.turns(
            {"days": lambda _: Program("bench.audit.gate", [str(folder / "days"), "--days"])}, wanted.rounds
        )
    if not all(report.facts["held"] for report in days["days"]):
        raise RuntimeError(f"sound days were refused: {days['days'][0].facts}")
    each = measure.median(days["days"], lambda r: r.stages["audit"].cpu / r.stages["audit"].rows)
    first = measure.median(days["days"], lambda r: r.stages["start"].cpu)
    return found | {
        "audit.per_interval": Figure(round(each * 1000, 2), "ms", goal=PER_INTERVAL_MS),
        "audit.first": Figure(round(first, 2), "s"),
    }


def _large(path: Path, case: str, goal: float, rounds: int) -> dict[str, Figure]:
    own: dict[str, Callable[[int], Program]] = {
        "gate": lambda _: Program("bench.audit.gate", [str(path)]),
        "polars": lambda _: Program("bench.audit.plain", [str(path)]),
        "duckdb": lambda _: Program("bench.audit.sql", [str(path)], python=peers.python()),
    }
    reports = measure.turns(own, rounds)
    reports["pandas_gx"] = [measure.run(Program("bench.audit.pandas_gx", [str(path)]))]  # ten times as slow: once
    _same(reports, case)
    cpu = {name: measure.median(each, lambda r: r.stages["audit"].cpu) for name, each in reports.items()}
    peak = {name: measure.median(each, lambda r: r.stages["audit"].peak_mb) for name, each in reports.items()}
    return {
        f"audit.ratio_{case}": Figure(round(cpu["gate"] / cpu["polars"], 2), "x Polars", goal=goal),
        **{f"audit.cpu_{case}.{name}": Figure(round(value, 2), "s") for name, value in cpu.items()},
        **{f"audit.peak_{case}.{name}": Figure(round(value), "MB") for name, value in peak.items()},
    }


def _same(reports: dict[str, list[Report]], case: str) -> None:
    """Programs that find different things measure nothing. How many rows are duplicates is counted in two ways: only
    whether there are any is compared."""
    for each in reports["gate"]:
        each.facts["broken"] = [n for n, count in enumerate(each.facts["unexpected"]) if count]
    found = {name: (each[0].facts["held"], each[0].facts["broken"]) for name, each in reports.items()}
    if len({str(each) for each in found.values()}) > 1 or found["gate"][0] != (case == "pass"):
        raise RuntimeError(f"the programs do not agree: {found}")
