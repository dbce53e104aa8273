"""TPC-H orders from PostgreSQL to bronze, beside readers that write Parquet; lineitem and a tenth for memory.

DuckDB's scanner keeps decimals exact, as we do. Polars behind psycopg2 does so too; connectorx makes floats of them.
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from types import SimpleNamespace

import bench.tpch
from bench import measure, peers
from bench.figures import Figure
from bench.tpch.data import load
from catalog.world.postgres import Postgres

CPU_RATIO = 1.3  # of DuckDB's scanner, whole processes
GROWTH = 1.25  # of the peak, when rows are four times as many
PEERS = ("duckdb_scanner", "psycopg2_polars", "connectorx")


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--read-workers", type=int, default=4, help="Splits read at a time.")


def run(wanted: Namespace) -> dict[str, Figure]:
    scale = 1.0 if wanted.full else 0.1
    # Not closed to others, unlike what tempfile makes: as root in a container the server runs as `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    folder.chmod(0o755)
    try:
        with Postgres.start(folder / "server") as server:
            with server.session() as cursor:
                cursor.execute("CREATE DATABASE tenth")
            tenth = server.dsn_of("tenth")
            few = load(SimpleNamespace(dsn=tenth), scale / 10)["orders"]
            rows = load(server, scale)
            return _measured(
                folder, server.dsn, tenth, {"orders": rows["orders"], "few": few}, rows["lineitem"], wanted
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(
    folder: Path, dsn: str, tenth: str, orders: dict[str, int], lines: int, wanted: Namespace
) -> dict[str, Figure]:
    def ours(source: str, address: str, how: str = "land") -> measure.Program:
        lake = folder / "lake"
        shutil.rmtree(lake, ignore_errors=True)
        catalog = Path(bench.tpch.__file__).parent / "catalog"
        return measure.Program(
            "bench.reading",
            [how, "--catalog", str(catalog), "--source", source, "--connection", f"tpch={address}",
             "--lake", str(lake), "--workers", str(wanted.read_workers)],
        )  # fmt: skip

    def theirs(how: str, table: str, address: str) -> measure.Program:
        arguments = [how, "--dsn", address, "--table", table, "--out", str(folder / "peer.parquet")]
        return measure.Program("bench.postgres.peer", arguments, python=peers.python())

    found = measure.turns(
        {
            "sluice": lambda _: ours("orders", dsn),
            "sluice_frames": lambda _: ours("orders", dsn, "frames"),
            "sluice_few": lambda _: ours("orders", tenth),
            **{name: lambda _, name=name: theirs(name, "orders", dsn) for name in PEERS},
            "scanner_few": lambda _: theirs("duckdb_scanner", "orders", tenth),
        },
        wanted.rounds,
    )
    many = measure.turns(
        {
            "sluice": lambda _: ours("lineitem", dsn),
            "duckdb_scanner": lambda _: theirs("duckdb_scanner", "lineitem", dsn),
        },
        min(wanted.rounds, 2),
    )
    for name, reports in found.items():
        read = {cost.rows for report in reports for cost in report.stages.values()}
        if read != {orders["few" if name.endswith("few") else "orders"]}:
            raise RuntimeError(f"{name} read {read} rows")
    cpu = {name: measure.median(reports, measure.cpu) for name, reports in found.items()}
    peak = {name: measure.median(reports, measure.peak) for name, reports in found.items()}
    cpu_many = {name: measure.median(reports, measure.cpu) for name, reports in many.items()}
    peak_many = {name: measure.median(reports, measure.peak) for name, reports in many.items()}
    whole, few = orders["orders"], orders["few"]
    return {
        "postgres.cpu_ratio.duckdb_scanner": Figure(
            round(cpu["sluice"] / cpu["duckdb_scanner"], 2), "x", goal=CPU_RATIO if wanted.full else None
        ),
        "postgres.cpu_ratio_lines.duckdb_scanner": Figure(
            round(cpu_many["sluice"] / cpu_many["duckdb_scanner"], 2), "x", goal=CPU_RATIO if wanted.full else None
        ),
        "postgres.cpu.sluice_frames": Figure(round(cpu["sluice_frames"], 2), "s"),
        **{f"postgres.cpu.{name}": Figure(round(cpu[name], 2), "s") for name in PEERS},
        **{f"postgres.peak.{name}": Figure(round(peak[name]), "MB") for name in PEERS},
        f"postgres.cpu.sluice@{few}": Figure(round(cpu["sluice_few"], 2), "s"),
        f"postgres.cpu.sluice@{whole}": Figure(round(cpu["sluice"], 2), "s"),
        f"postgres.cpu.sluice@{lines}": Figure(round(cpu_many["sluice"], 2), "s"),
        f"postgres.cpu.duckdb_scanner@{few}": Figure(round(cpu["scanner_few"], 2), "s"),
        f"postgres.cpu.duckdb_scanner@{whole}": Figure(round(cpu["duckdb_scanner"], 2), "s"),
        f"postgres.cpu.duckdb_scanner@{lines}": Figure(round(cpu_many["duckdb_scanner"], 2), "s"),
        f"postgres.peak.sluice@{few}": Figure(round(peak["sluice_few"]), "MB"),
        f"postgres.peak.sluice@{whole}": Figure(round(peak["sluice"]), "MB"),
        f"postgres.peak.sluice@{lines}": Figure(round(peak_many["sluice"]), "MB"),
        "postgres.peak_growth": Figure(
            round(peak_many["sluice"] / peak["sluice"], 2), "x", goal=GROWTH if wanted.full else None
        ),
    }
