"""A year of days in one run, beside one scan of the same rows; and one day more, beside years of history or a month."""

from __future__ import annotations

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import polars as pl

from bench import measure
from bench.backfill.data import drop
from bench.figures import Figure
from bench.measure import Program, Report, median

YEAR = 365
HISTORIES = (30, 1095)
ROWS = 1_000  # a day: what history costs does not come from its rows
WORK, AUDIT = ("build", "publish"), ("audit",)
NIGHT = ("land", "refine", *WORK)


def options(parser: ArgumentParser) -> None:
    del parser


def run(wanted: Namespace) -> dict[str, Figure]:
    folder = Path(tempfile.mkdtemp(prefix="bench-backfill-"))
    try:
        found = {}
        for rows in (1_000, 10_000) if wanted.full else (1_000,):
            found |= _year(folder / f"year{rows}", rows, wanted.rounds)
        return found | _day_more(folder, wanted.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _year(folder: Path, rows: int, rounds: int) -> dict[str, Figure]:
    """Silver is made once; every round publishes the year into a lake of its own."""
    drop(folder / "drop", range(YEAR), rows)
    measure.run(_service(folder, "silver", ["ingest"], range(YEAR)))

    def ours(number: int) -> Program:
        shutil.copytree(folder / "silver", folder / f"lake{number}")
        answer = ["--answer", str(folder / f"gold{number}.parquet")]
        return _service(folder, f"lake{number}", ["publish"], range(YEAR), answer)

    def plain(number: int) -> Program:
        silver, answer = folder / f"lake{number}" / "silver" / "sales", folder / f"plain{number}.parquet"
        return Program("bench.backfill.peer", ["--silver", str(silver), "--answer", str(answer)])

    reports = measure.turns({"sluice": ours, "polars": plain}, rounds)
    for number, report in enumerate(reports["sluice"]):
        made, theirs = (pl.read_parquet(folder / f"{name}{number}.parquet") for name in ("gold", "plain"))
        if not made.equals(theirs) or report.facts["version"] != 1:  # version 0 made the table
            raise RuntimeError(f"not one commit with the same answer: {report.facts}\n{made}\n{theirs}")
        shutil.rmtree(folder / f"lake{number}")
    scan = median(reports["polars"], lambda r: r.stages["scan and aggregate"].cpu)
    work, audit = _cpu(reports["sluice"], *WORK), _cpu(reports["sluice"], *AUDIT)
    return {
        f"backfill.build_publish@{rows}": Figure(round(work, 3), "CPU s"),
        f"backfill.build_publish.polars@{rows}": Figure(round(scan, 3), "CPU s"),
        f"backfill.ratio@{rows}": Figure(round(work / scan, 2), "x scan", goal=2.0),
        f"backfill.audit@{rows}": Figure(round(audit, 3), "CPU s"),
        f"backfill.audit_per_day@{rows}": Figure(round(audit / YEAR * 1000, 2), "CPU ms"),
        f"backfill.whole@{rows}": Figure(round(median(reports["sluice"], measure.cpu), 2), "CPU s"),
        f"backfill.peak@{rows}": Figure(round(median(reports["sluice"], measure.peak)), "MB"),
        f"backfill.builds@{rows}": Figure(max(r.facts["builds"] for r in reports["sluice"]), "builds"),
    }


def _day_more(folder: Path, rounds: int) -> dict[str, Figure]:
    """The night after a month and the night after three years, in turns."""

    def prepared(days: int) -> Path:
        here = folder / f"history{days}"
        drop(here / "drop", range(days), ROWS)
        # Nobody reads the verdicts of the history, but the day that follows is compared with them.
        measure.run(_service(here, "published", ["ingest", "publish"], range(days)))
        drop(here / "drop", range(days, days + 1), ROWS)
        return here

    def night(here: Path, days: int, number: int) -> Program:
        shutil.copytree(here / "published", here / f"lake{number}")
        return _service(here, f"lake{number}", ["ingest", "publish"], range(days, days + 1))

    histories = {days: prepared(days) for days in HISTORIES}
    reports = measure.turns(
        {
            f"{days} days of history": lambda number, days=days, here=here: night(here, days, number)
            for days, here in histories.items()
        },
        rounds,
    )
    found, nights = {}, {}
    for days, nightly in zip(HISTORIES, reports.values()):
        nights[days] = _cpu(nightly, *NIGHT)
        found[f"backfill.day_more@{days}"] = Figure(round(nights[days], 3), "CPU s")
        found[f"backfill.day_more_audit@{days}"] = Figure(round(_cpu(nightly, *AUDIT), 3), "CPU s")
        found[f"backfill.day_more_whole@{days}"] = Figure(round(median(nightly, measure.cpu), 2), "CPU s")
        for stage in NIGHT:
            found[f"backfill.day_more_{stage}@{days}"] = Figure(round(_cpu(nightly, stage), 3), "CPU s")
    least, most = min(HISTORIES), max(HISTORIES)
    ratio = round(nights[most] / nights[least], 2)
    return {**found, "backfill.day_more_ratio": Figure(ratio, f"x {least} days'", goal=1.2)}


def _cpu(reports: list[Report], *stages: str) -> float:
    return median(reports, lambda report: sum(report.stages[stage].cpu for stage in stages))


def _service(folder: Path, lake: str, what: list[str], days: range, more: list[str] | None = None) -> Program:
    places = ["--lake", str(folder / lake), "--drop", str(folder / "drop"), "--days", f"{days.start}..{days.stop}"]
    return Program("bench.backfill.service", [*what, *places, *(more or [])])
