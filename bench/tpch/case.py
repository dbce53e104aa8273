"""TPC-H: the whole job by the service, a script written by hand, and dlt with DuckDB: over one server, in turns."""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from bench import measure, peers
from bench.figures import Figure
from bench.measure import Program, Report, median
from bench.server import prefect_server
from bench.tpch.data import FIRST, LAST, NOW, load
from catalog.world.postgres import Postgres

CPU_RATIO, DLT_RATIO, PEAK_MB = 1.15, 0.5, 1024.0  # at scale 1; where rows are few, what 2,400 days cost hides them
ROUNDS_AT_1 = 3


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--scale", type=float, help="TPC-H's scale factor, instead of 0.1 (and 1 with --full).")
    parser.add_argument("--workers", type=int, default=4, help="Splits and groups of days worked on at a time.")
    parser.add_argument("--days", default="1997-01-01..1997-12-31", help="Days of gold: first..last, or all.")


def run(wanted: Namespace) -> dict[str, Figure]:
    scales = [wanted.scale] if wanted.scale else [0.1, 1.0] if wanted.full else [0.1]
    days = f"{FIRST}..{LAST}" if wanted.days == "all" else wanted.days
    found = {}
    for scale in scales:
        # Not closed to others, unlike what tempfile makes: as root in a container the server runs as `nobody`.
        folder = Path(tempfile.mkdtemp(prefix="bench-tpch-"))
        folder.chmod(0o755)
        try:
            rounds = wanted.rounds if scale < 1 else min(wanted.rounds, ROUNDS_AT_1)
            found |= _at(scale, folder, days, wanted.workers, rounds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def _at(scale: float, folder: Path, days: str, workers: int, rounds: int) -> dict[str, Figure]:
    with Postgres.start(folder / "server") as server, prefect_server(folder / "prefect") as prefect:
        rows = load(server, scale)
        measure.say(f"    scale {scale:g}: {rows['orders']:,} orders, {rows['lineitem']:,} lines; days {days}")
        reports = measure.turns(
            {
                "sluice": partial(_service, folder, server.dsn, days, workers),
                "script": partial(_peer, folder, server.dsn, "script"),
                "dlt": partial(_peer, folder, server.dsn, "with_dlt"),
                "flow": partial(_flow, folder, server.dsn, days, workers, prefect),
            },
            rounds,
        )
    for number, report in enumerate(reports["sluice"]):
        _same(folder, number, report)
    return _figures(f"@{scale:g}", reports)


def _service(folder: Path, dsn: str, days: str, workers: int, number: int) -> Program:
    first, _, last = days.partition("..")
    return Program(
        "bench.tpch.service",
        ["--lake", str(_fresh(folder, "sluice")), "--dsn", dsn, "--answer", str(folder / f"sluice-{number}.parquet"),
         "--workers", str(workers), "--first", first, "--last", last],
    )  # fmt: skip


def _peer(folder: Path, dsn: str, module: str, number: int) -> Program:
    answer = folder / f"{module}-{number}.parquet"
    arguments = ["--folder", str(_fresh(folder, module)), "--dsn", dsn, "--answer", str(answer)]
    return Program(f"bench.tpch.{module}", arguments, python=peers.python())


def _flow(folder: Path, dsn: str, days: str, workers: int, prefect: dict[str, str], number: int) -> Program:
    settings = {
        "LAKE": str(_fresh(folder, "flow")), "CATALOG": str(Path(__file__).parent / "catalog"), "NOW": NOW,
        "CONNECTIONS__TPCH": dsn, "WORKERS": str(workers),
    }  # fmt: skip
    told = {f"SLUICE_{name}": value for name, value in settings.items()}
    return Program("bench.tpch.flow", ["--days", days], {**prefect, **told})


def _fresh(folder: Path, name: str) -> Path:
    """What the round before left would fill the disk."""
    shutil.rmtree(folder / name, ignore_errors=True)
    return folder / name


def _same(folder: Path, number: int, service: Report) -> None:
    """A benchmark of programs that do not agree measures nothing."""
    ours = pl.read_parquet(folder / f"sluice-{number}.parquet")
    if service.facts["intervals"] != {"published": ours.height}:
        raise RuntimeError(f"not all was published: {service.facts}")
    for name in ("script", "with_dlt"):
        theirs = pl.read_parquet(folder / f"{name}-{number}.parquet").filter(pl.col("day").is_in(ours["day"].implode()))
        theirs = theirs.select(pl.col(column).cast(dtype) for column, dtype in ours.schema.items())
        if not ours.equals(theirs):
            raise RuntimeError(f"the service and {name} do not agree:\n{ours}\n{theirs}")


def _figures(at: str, reports: dict[str, list[Report]]) -> dict[str, Figure]:
    sluice, goals = reports["sluice"], at == "@1"

    def stage(name: str) -> Callable[[Report], float]:
        return lambda report: report.stages[name].cpu

    cpu = {name: median(each, measure.cpu) for name, each in reports.items()}
    # A script has no gate. What every process of ours pays once for it is told apart, its checks are not left out.
    work = median(sluice, lambda r: measure.cpu(r) - r.stages["gate start"].cpu)
    ungated = median(sluice, lambda r: measure.cpu(r) - r.stages["gate start"].cpu - r.stages["audit"].cpu)
    steps = median(sluice, lambda r: sum(cost.cpu for name, cost in r.stages.items() if name != "gate start"))
    found = {
        f"tpch.cpu{at}": Figure(round(cpu["sluice"], 2), "CPU s"),
        f"tpch.cpu.script{at}": Figure(round(cpu["script"], 2), "CPU s"),
        f"tpch.cpu.dlt{at}": Figure(round(cpu["dlt"], 2), "CPU s"),
        f"tpch.ratio.script{at}": Figure(round(work / cpu["script"], 2), "x script", CPU_RATIO if goals else None),
        f"tpch.ratio_without_gate.script{at}": Figure(round(ungated / cpu["script"], 2), "x script"),
        f"tpch.ratio.dlt{at}": Figure(round(work / cpu["dlt"], 2), "x dlt", DLT_RATIO if goals else None),
        f"tpch.peak{at}": Figure(round(median(sluice, measure.peak)), "MB", PEAK_MB if goals else None),
        f"tpch.peak.script{at}": Figure(round(median(reports["script"], measure.peak)), "MB"),
        f"tpch.peak.dlt{at}": Figure(round(median(reports["dlt"], measure.peak)), "MB"),
        f"tpch.cpu.flow{at}": Figure(round(cpu["flow"], 2), "CPU s"),
        f"tpch.prefect{at}": Figure(
            round(cpu["flow"] - median(reports["flow"], stage("gate start")) - work, 2), "CPU s more than the steps"
        ),
        f"tpch.prefect_start{at}": Figure(round(median(reports["flow"], stage("prefect start")), 2), "CPU s"),
        f"tpch.prefect_flow{at}": Figure(
            round(median(reports["flow"], stage("flow")) - steps, 2), "CPU s more than the steps"
        ),
        f"tpch.audit_per_interval{at}": Figure(
            round(median(sluice, lambda r: r.stages["audit"].cpu / r.stages["audit"].rows * 1000), 2), "CPU ms"
        ),
    }
    for name, every in reports.items():
        if name != "flow":
            suffix = "" if name == "sluice" else f".{name}"
            for each in every[0].stages:
                figure = Figure(round(median(every, stage(each)), 2), "CPU s")
                found[f"tpch.{each.replace(' ', '_')}{suffix}{at}"] = figure
    for each in sluice[0].stages:
        peak = median(sluice, lambda report, each=each: report.stages[each].peak_mb)  # type: ignore[misc]
        found[f"tpch.peak_{each.replace(' ', '_')}{at}"] = Figure(round(peak), "MB")
    return found
