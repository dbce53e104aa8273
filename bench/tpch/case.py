"""TPC-H: the service beside a script written by hand, over the same server, each in a process of its own."""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from bench import measure
from bench.figures import Figure
from bench.measure import Report
from bench.tpch.data import FIRST, LAST, load
from catalog.world.postgres import Postgres

# The gate apart, as a script has none. At small scales, what 2,400 days cost each hides what the rows cost.
CPU_RATIO = 1.15
PEAK_MB = 2048.0


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--scale", type=float, default=0.1, help="TPC-H's scale factor; 1 is 7.6 million rows.")
    parser.add_argument("--workers", type=int, default=4, help="Splits and groups of days worked on at a time.")
    parser.add_argument("--days", default="1997-01-01..1997-12-31", help="Days of gold: first..last, or all.")


def run(wanted: Namespace) -> dict[str, Figure]:
    """Loads, runs both, compares their answers, and says what each cost."""
    first, _, last = f"{FIRST}..{LAST}".partition("..") if wanted.days == "all" else wanted.days.partition("..")
    # Not closed to others, unlike what tempfile makes: as root in a container the server runs as `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="bench-tpch-"))
    folder.chmod(0o755)
    try:
        with Postgres.start(folder / "server") as server:
            rows = load(server, wanted.scale)
            print(
                f"TPC-H {wanted.scale:g}: {rows['orders']:,} orders, {rows['lineitem']:,} lines; days {first}..{last}"
            )
            common = ["--dsn", server.dsn, "--answer"]
            script = measure.run(
                measure.Program(
                    "bench.tpch.script", ["--folder", str(folder / "script"), *common, str(folder / "script.parquet")]
                )
            )
            service = measure.run(measure.Program(
                "bench.tpch.service",
                ["--lake", str(folder / "lake"), "--workers", str(wanted.workers), "--first", first, "--last", last,
                 *common, str(folder / "service.parquet")],
            ))  # fmt: skip
        _same(folder, service)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    Console().print(_stages(service, script))
    return _figures(wanted.scale, service, script)


def _same(folder: Path, service: Report) -> None:
    """A benchmark of two programs that do not agree measures nothing."""
    ours, theirs = (pl.read_parquet(folder / f"{name}.parquet") for name in ("service", "script"))
    theirs = theirs.filter(pl.col("day").is_in(ours["day"].implode())).select(
        pl.col(name).cast(dtype) for name, dtype in ours.schema.items()
    )
    if service.facts["intervals"] != {"published": ours.height} or not ours.equals(theirs):
        raise RuntimeError(f"the service and the script do not agree: {service.facts}\n{ours}\n{theirs}")


def _stages(service: Report, script: Report) -> Table:
    table = Table(title="by stage", title_justify="left")
    for heading in ("stage", "rows", "CPU s", "wall s", "peak MB", "script: CPU s", "peak MB"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, cost in service.stages.items():
        theirs = script.stages.get(name)
        beside = (f"{theirs.cpu:.2f}", f"{theirs.peak_mb:.0f}") if theirs else ("", "")
        table.add_row(name, f"{cost.rows:,}", f"{cost.cpu:.2f}", f"{cost.wall:.1f}", f"{cost.peak_mb:.0f}", *beside)
    return table


def _figures(scale: float, service: Report, script: Report) -> dict[str, Figure]:
    assert service.whole is not None
    assert script.whole is not None
    gate, case = service.stages["audit"], f"tpch_{scale:g}"
    work = round((service.whole.cpu - gate.cpu) / script.whole.cpu, 2)
    return {
        **{f"{case}_{n.replace(' ', '_')}_cpu": Figure(round(c.cpu, 2), "s") for n, c in service.stages.items()},
        f"{case}_audit_per_interval": Figure(round(gate.cpu / gate.rows * 1000, 1), "ms"),
        f"{case}_cpu": Figure(round(service.whole.cpu, 2), "s"),
        f"{case}_cpu_script": Figure(round(script.whole.cpu, 2), "s"),
        f"{case}_cpu_ratio": Figure(work, "x script", goal=CPU_RATIO if scale >= 1 else None),
        f"{case}_cpu_ratio_with_gate": Figure(round(service.whole.cpu / script.whole.cpu, 2), "x script"),
        f"{case}_peak": Figure(round(service.whole.peak_mb), "MB", goal=PEAK_MB),
        f"{case}_peak_script": Figure(round(script.whole.peak_mb), "MB"),
    }
