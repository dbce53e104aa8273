"""What a newcomer sees first: `sluice demo` in an empty folder, with a Prefect server that it starts itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.site import SLUICE, Result, Site, finished, open_folder

ANSWERS = (
    ("status", "--json"),
    ("trust", "--json"),
    ("explain", "daily_sales", "--for", "2026-05-02", "--json"),
    ("explain", "daily_sales", "--for", "2026-05-01"),
)


@dataclass
class Demo:
    site: Site
    home: Path
    result: Result


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with open_folder("sluice-demo-") as folder:
        home = folder / "prefect"
        site = Site(folder, {"PREFECT_HOME": str(home), "SLUICE_CATALOG": str(ROOT / "catalog")})
        try:
            result = finished(site.start(*SLUICE, "demo", "--dir", str(folder / "demo"), cwd=folder), within=300)
            site.environment |= {
                "SLUICE_LAKE": str(folder / "demo" / "lake"),
                "SLUICE_NOW": "2026-05-03T07:00:00+05:00",
            }
            yield Demo(site, home, result)
        finally:
            site.run(*SLUICE, "server", "stop")


def test_the_story_is_told_to_its_end(demo: Demo) -> None:
    """Rejected rows with reasons, a refusal and its repair, three products published, the verdict, what to see next."""
    assert demo.result.code == 0, demo.result.out + demo.result.err
    rest = demo.result.out
    for words in (
        "$ sluice run daily_sales --for 2026-05-01", "2026-05-01  published",
        "$ sluice quarantine show store_orders", "range:order_total",
        "$ sluice quarantine show till_files", "file.unreadable", "till_029_2026-05-01.csv:27",
        "$ sluice run daily_sales --for 2026-05-02", "2026-05-02  refused", "(exit code 3)",
        "$ sluice trust", "No. daily_sales 2026-05-02 was refused", "Readers see 2026-05-01, version 1",
        "$ sluice run daily_sales --for 2026-05-02", "2026-05-02  published",
        "$ sluice run daily_sales --for 2026-05-02", "2026-05-02  unchanged", "Nothing new: ",
        "$ sluice run daily_revenue", "2026-05-02  published", "$ sluice run region_inventory_risk",
        "2026-05-02  published", "$ sluice trust", "Yes, with ", "What to look at next:",
    ):  # fmt: skip
        before, found, rest = rest.partition(words)
        assert found, f"{words!r} is not there, or not in its place:\n{before[-3000:]}"
    assert "gate.refused: Refused: G4 " in demo.result.err
    assert "Traceback" not in demo.result.err


def test_without_prefect_the_lake_gives_the_same_answers(demo: Demo) -> None:
    """The orchestrator's memory is a convenience: who publishes numbers must not lose why with a server."""
    before = [demo.site.sluice(*question) for question in ANSWERS]
    assert [answer.code for answer in before] == [0] * len(ANSWERS)
    assert demo.site.run(*SLUICE, "server", "stop").out == "Stopped.\n"
    shutil.rmtree(demo.home)
    after = [demo.site.sluice(*question) for question in ANSWERS]
    assert after == before
    assert not demo.home.exists()


def test_a_folder_that_is_not_a_demos_is_left_alone(demo: Demo) -> None:
    """The demo empties its folder first: somebody else's must not be that folder."""
    (demo.site.folder / "mine").mkdir()
    precious = demo.site.folder / "mine" / "thesis.txt"
    precious.write_text("years of work")
    refused = demo.site.sluice("demo", "--dir", str(precious.parent))
    assert refused.code == 2
    assert precious.read_text() == "years of work"
