"""The same job over ten times the rows, under the same cap: the peak must keep to it, and the answer be the same.

TPC-H through the whole pipeline with its gate, at two scales, one ten times the other. At the larger one also without
a cap (what does the small one cost in CPU?), at nearly the smallest there is, and under `ulimit -v`.
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from bench import measure
from bench.figures import Figure
from bench.measure import Program, Report
from bench.tpch.data import load
from catalog.world.postgres import Postgres
from sluice.ops.memory import MB, RESERVED

CAP, TIGHT = 1024, 700  # MB
DAYS = ("1997-01-01", "1997-01-31")
RATIO = 1.2  # of the peaks, for ten times the rows
PRICE = 1.15  # CPU of the small cap against none
_MOST_ROUNDS = 2  # a peak is a maximum, and the larger runs take a minute


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--memory-scale", type=float, help="TPC-H's scale factor of the larger input.")


def run(wanted: Namespace) -> dict[str, Figure]:
    large = wanted.memory_scale or (1.0 if wanted.full else 0.264)
    rounds = min(wanted.rounds, _MOST_ROUNDS)
    few, one = _at(large / 10, {"cap": _capped(CAP)}, rounds)
    limited = [str((CAP * MB) + RESERVED), "bench.tpch.service"]
    many, ten = _at(
        large,
        {
            "cap": _capped(CAP),
            "none": ("bench.tpch.service", [], {}),
            "tight": _capped(TIGHT),
            "ulimit": ("bench.memory.limited", limited, {}),
        },
        rounds,
    )
    peaks = {name: max(measure.peak(report) for report in reports) for name, reports in ten.items()}
    before = max(measure.peak(report) for report in one["cap"])
    price = measure.median(ten["cap"], measure.cpu) / measure.median(ten["none"], measure.cpu)
    tight = measure.median(ten["tight"], measure.cpu) / measure.median(ten["none"], measure.cpu)
    return {
        f"memory.peak@{few}": Figure(round(before), "MB", goal=CAP),
        f"memory.peak@{many}": Figure(round(peaks["cap"]), "MB", goal=CAP),
        "memory.peak_ratio": Figure(round(peaks["cap"] / before, 2), "x for 10 x the rows", goal=RATIO),
        f"memory.peak.tight@{many}": Figure(round(peaks["tight"]), "MB", goal=TIGHT),
        f"memory.peak.ulimit@{many}": Figure(round(peaks["ulimit"]), "MB", goal=CAP),
        f"memory.peak.uncapped@{many}": Figure(round(peaks["none"]), "MB"),
        "memory.cpu_price": Figure(round(price, 2), "x uncapped", goal=PRICE),
        "memory.cpu_price.tight": Figure(round(tight, 2), "x uncapped", goal=PRICE),
    }


def _capped(size: int) -> tuple[str, list[str], dict[str, str]]:
    return "bench.tpch.service", [], {"SLUICE_MEMORY": f"{size}MB"}


def _at(
    scale: float, programs: Mapping[str, tuple[str, list[str], dict[str, str]]], rounds: int
) -> tuple[int, dict[str, list[Report]]]:
    """Rows at this scale, and what each program took; all of them must give the same answer."""
    folder = Path(tempfile.mkdtemp(prefix="bench-memory-"))
    folder.chmod(0o755)  # as root in a container the server runs as `nobody`
    try:
        with Postgres.start(folder / "server") as server:
            rows = sum(load(server, scale).values())
            measure.say(f"TPC-H {scale:g}: {rows:,} rows")

            def program(name: str, number: int) -> Program:
                module, before, environment = programs[name]
                own = folder / f"{name}-{number}"
                return Program(
                    module,
                    [*before, "--lake", str(own / "lake"), "--dsn", server.dsn, "--answer", str(own / "answer.parquet"),
                     "--first", DAYS[0], "--last", DAYS[1]],
                    environment,
                )  # fmt: skip

            found: dict[str, list[Report]] = {name: [] for name in programs}
            answers = []
            for number in range(rounds):
                for name in programs:
                    found[name].append(measure.run(program(name, number)))
                    answers.append(pl.read_parquet(folder / f"{name}-{number}" / "answer.parquet"))
                    shutil.rmtree(folder / f"{name}-{number}")
        if not all(answer.equals(answers[0]) for answer in answers):
            raise RuntimeError(f"the answers at scale {scale:g} depend on the memory there is")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows, found
