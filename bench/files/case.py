"""500 CSV files, and one as large as all of them twice, to bronze, beside Polars' and DuckDB's straight way to Parquet.

The peers write one file and check nothing. Polars with types has exact decimals and instants, as silver will have;
Polars with text writes what bronze holds. Ours stages a file of bronze for each file that came, so that it can be
replaced when it comes again.
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from bench import measure, peers
from bench.figures import Figure
from bench.files.data import drop

CPU_RATIO = 1.2  # of Polars' sink_parquet with the same types
GROWTH = 1.25  # of the peak, when the one file is four times as large
FILES = 500
WAYS = ("polars", "polars_text", "duckdb")


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--file-workers", type=int, default=4, help="Splits read at a time.")


def run(wanted: Namespace) -> dict[str, Figure]:
    each, whole = (2.0, 2000.0) if wanted.full else (0.2, 200.0)
    folder = Path(tempfile.mkdtemp(prefix="bench-files-"))
    try:
        rows = {
            "many": drop(folder / "many", FILES, each),
            "one": drop(folder / "one", 1, whole),
            "quarter": drop(folder / "quarter", 1, whole / 4),
        }

        def ours(which: str) -> measure.Program:
            lake = folder / "lake"
            shutil.rmtree(lake, ignore_errors=True)
            return measure.Program(
                "bench.reading",
                ["land", "--catalog", str(Path(__file__).parent / "catalog"), "--source", "receipts",
                 "--connection", f"drop={folder / which}", "--lake", str(lake), "--workers", str(wanted.file_workers)],
            )  # fmt: skip

        def theirs(how: str, which: str) -> measure.Program:
            arguments = [how, "--drop", str(folder / which), "--out", str(folder / "peer.parquet")]
            return measure.Program("bench.files.peer", arguments, python=peers.python())

        programs = {
            (which, name): (
                (lambda _, which=which: ours(which))
                if name == "sluice"
                else (lambda _, which=which, name=name: theirs(name, which))
            )
            for which in ("many", "one")
            for name in ("sluice", *WAYS)
        }
        programs["quarter", "sluice"] = lambda _: ours("quarter")
        found = measure.turns(programs, wanted.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for (which, name), reports in found.items():
        if {cost.rows for report in reports for cost in report.stages.values()} != {rows[which]}:
            raise RuntimeError(f"{name} did not read all rows of {which}")
    cpu = {key: measure.median(reports, measure.cpu) for key, reports in found.items()}
    peak = {key: measure.median(reports, measure.peak) for key, reports in found.items()}
    figures: dict[str, Figure] = {}
    for which in ("many", "one"):
        for way in WAYS:
            goal = CPU_RATIO if way == "polars" and wanted.full else None
            ratio = round(cpu[which, "sluice"] / cpu[which, way], 2)
            figures[f"files.cpu_ratio_{which}.{way}"] = Figure(ratio, "x", goal=goal)
            figures[f"files.cpu_{which}.{way}"] = Figure(round(cpu[which, way], 2), "s")
            figures[f"files.peak_{which}.{way}"] = Figure(round(peak[which, way]), "MB")
    figures["files.cpu_many.sluice"] = Figure(round(cpu["many", "sluice"], 2), "s")
    figures["files.peak_many.sluice"] = Figure(round(peak["many", "sluice"]), "MB")
    for which in ("quarter", "one"):
        figures[f"files.cpu.sluice@{rows[which]}"] = Figure(round(cpu[which, "sluice"], 2), "s")
        figures[f"files.peak.sluice@{rows[which]}"] = Figure(round(peak[which, "sluice"]), "MB")
    growth = round(peak["one", "sluice"] / peak["quarter", "sluice"], 2)
    return {**figures, "files.peak_growth": Figure(growth, "x", goal=GROWTH if wanted.full else None)}
