"""500,000 records in 1,000 pages, fetched and parsed, beside httpx with the fastest parser there is for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import measure
from bench.figures import Figure

SIZE = 500
CPU_RATIO = 0.6  # of httpx async, stages without the interpreter's start
PARSERS = ("polars", "orjson", "msgspec")


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--http-pages", type=int, default=1000)


def run(wanted: Namespace) -> dict[str, Figure]:
    pages = wanted.http_pages
    folder = Path(tempfile.mkdtemp(prefix="bench-http-"))
    try:
        with _server(pages) as many, _server(pages // 10) as few:
            found = measure.turns(
                {
                    "sluice": lambda _: _ours(many, folder, "frames"),
                    **{f"httpx_async_8_{p}": lambda _, p=p: _theirs(many, "async", p, pages) for p in PARSERS},
                    "httpx_threads_8_polars": lambda _: _theirs(many, "threads", "polars", pages),
                    "sluice_land": lambda _: _ours(many, folder, "land"),
                    "sluice_few": lambda _: _ours(few, folder, "frames"),
                    "sluice_land_few": lambda _: _ours(few, folder, "land"),
                },
                wanted.rounds,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, reports in found.items():
        expected = SIZE * (pages // 10 if name.endswith("few") else pages)
        if {cost.rows for report in reports for cost in report.stages.values()} != {expected}:
            raise RuntimeError(f"{name} did not read {expected} records")
    stage = {name: measure.median(reports, _stage) for name, reports in found.items()}
    peak = {name: measure.median(reports, measure.peak) for name, reports in found.items()}
    best = min((f"httpx_async_8_{parser}" for parser in PARSERS), key=stage.__getitem__)
    records = SIZE * pages
    return {
        "http.cpu_ratio.httpx_async_8": Figure(round(stage["sluice"] / stage[best], 2), "x", goal=CPU_RATIO),
        **{f"http.cpu.{name}": Figure(round(stage[name], 2), "s") for name in stage if name.startswith("httpx")},
        f"http.cpu.sluice@{records // 10}": Figure(round(stage["sluice_few"], 2), "s"),
        f"http.cpu.sluice@{records}": Figure(round(stage["sluice"], 2), "s"),
        f"http.cpu.sluice_land@{records // 10}": Figure(round(stage["sluice_land_few"], 2), "s"),
        f"http.cpu.sluice_land@{records}": Figure(round(stage["sluice_land"], 2), "s"),
        f"http.peak.sluice@{records // 10}": Figure(round(peak["sluice_land_few"]), "MB"),
        f"http.peak.sluice@{records}": Figure(round(peak["sluice_land"]), "MB"),
    }


def _stage(report: measure.Report) -> float:
    return sum(cost.cpu for cost in report.stages.values())


def _ours(port: int, folder: Path, how: str) -> measure.Program:
    lake = folder / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    return measure.Program(
        "bench.reading",
        [how, "--catalog", str(Path(__file__).parent / "catalog"), "--source", "shop",
         "--connection", f"shop=http://127.0.0.1:{port}", "--lake", str(lake), "--workers", "8"],
    )  # fmt: skip


def _theirs(port: int, how: str, parse: str, pages: int) -> measure.Program:
    base = f"http://127.0.0.1:{port}"
    return measure.Program("bench.http.peer", [how, parse, "--base", base, "--pages", str(pages), "--size", str(SIZE)])


@contextmanager
def _server(pages: int) -> Iterator[int]:
    command = [sys.executable, "-m", "bench.http.server", "--pages", str(pages), "--size", str(SIZE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
