"""Killed at every named place, and killed again while recovering: nothing is lost, nothing is doubled, and what is
published is what a run that was never killed publishes.

Great Expectations takes seconds to import, so a run that dies before the audit never meets it, and runs that are not
killed are run in this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sluice import failpoints
from tests.support.invariants import violations
from tests.support.pipeline import SOURCE, Shop, day_of_sales, sale
from tests.support.repository import ROOT

MON, TUE, WED = "2026-05-04", "2026-05-05", "2026-05-06"
BOTH = f"{MON}..{TUE}"
INGESTING = [name for name in failpoints.NAMES if name.startswith(("land.", "refine."))]
PUBLISHING = [name for name in failpoints.NAMES if name not in INGESTING]
ONE_FILE_A_SPLIT = SOURCE + "    splits: {files: 1}\n"


def opened(folder: Path) -> Shop:
    """A shop that has been through one night."""
    shop = Shop(folder, source=ONE_FILE_A_SPLIT)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2, 3, 4]))
    shop.drop("tue.csv", *day_of_sales(TUE, [5, 6, 7]))
    shop.ingest()
    return shop


def second_night(shop: Shop) -> None:
    """Everything that can happen to a source at once: a changed file, a new day, a bad row, a row that moves."""
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2, 3], "11.00"))
    shop.drop("wed.csv", *day_of_sales(WED, [8, 9, 10]), sale(11, f"{WED}T12:00:00", "x"))
    shop.drop("correction.csv", sale(5, f"{MON}T12:00:00", "50.00", changed_at=f"{WED}T10:00:00"))


def kill(shop: Shop, failpoint: str, *what: str) -> None:
    """Runs in a process of its own, which must die at the failpoint: one that is not reached proves nothing."""
    command = [sys.executable, "-m", "tests.support.pipeline", str(shop.root), *what]
    environment = {**os.environ, "SLUICE_FAILPOINT": failpoint, "SLUICE_REFINE_ROWS": "1"}
    died = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, f"{failpoint} was not reached: {died.stderr[-2000:]}"


def standing(shop: Shop) -> dict[str, Any]:
    """What a reader and an owner see: silver, quarantine and bronze, without the times and names of runs."""
    quarantined = shop.rows("quarantine").select("id", "_event_on", "_reasons").sort("id").rows()
    bronze = shop.rows("bronze").select("id", "amount", "_event_on", "_line").sort("id", "amount", "_line").rows()
    return {"silver": shop.silver(), "quarantine": quarantined, "bronze": bronze}


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = opened(tmp_path_factory.mktemp("never_killed"))
    second_night(shop)
    assert shop.refresh(BOTH).outcomes == {MON: "published", TUE: "published"}
    assert violations(shop.root / "lake") == []
    return shop


@pytest.mark.parametrize("failpoint", [*INGESTING, "land.staged:3", "refine.staged:2"])
def test_an_ingest_that_is_killed_twice_loses_and_doubles_nothing(
    tmp_path: Path, failpoint: str, never_killed: Shop
) -> None:
    """The machine goes down in the middle of the night, comes back, and goes down again at the same place."""
    shop = opened(tmp_path)
    second_night(shop)
    kill(shop, failpoint, "ingest")
    reached_once_only = failpoint in ("land.committed", "refine.committed")
    if not reached_once_only:
        kill(shop, failpoint, "ingest")
    shop.ingest()
    assert violations(shop.root / "lake") == []
    assert standing(shop) == standing(never_killed)
    _, again = shop.ingest()
    assert again.version is None, "recovery left something to do"


@pytest.mark.parametrize("failpoint", PUBLISHING)
def test_a_publication_that_is_killed_shows_all_of_it_or_nothing(
    tmp_path: Path, failpoint: str, never_killed: Shop
) -> None:
    """Readers have yesterday's rows or today's, whole, before and after recovery."""
    shop = opened(tmp_path)
    second_night(shop)
    shop.ingest()
    kill(shop, failpoint, "refresh", BOTH)
    published = failpoint == "publish.committed"
    assert (shop.root / "lake/gold/takings/_delta_log").exists() == published
    assert not published or shop.gold() == never_killed.gold()
    if failpoint == "publish.committing":
        kill(shop, failpoint, "refresh", BOTH)
    outcome = "unchanged" if published else "published"
    assert shop.refresh(BOTH).outcomes == {MON: outcome, TUE: outcome}
    assert violations(shop.root / "lake") == []
    assert shop.gold() == never_killed.gold()
    assert standing(shop) == standing(never_killed)


def test_a_killed_run_that_is_taken_up_by_its_own_name_is_done_once(tmp_path: Path, never_killed: Shop) -> None:
    """An orchestrator may start the same run again after its worker was lost: the commit that it made is its own."""
    shop = opened(tmp_path)
    second_night(shop)
    kill(shop, "land.committed", "ingest", "tonight")
    shop.ingest(run="tonight")
    assert violations(shop.root / "lake") == []
    assert standing(shop) == standing(never_killed)


def test_every_failpoint_is_reached_by_these_tests() -> None:
    """A name that nothing reaches is a promise that nothing keeps."""
    source = "".join(path.read_text() for path in (ROOT / "sluice").rglob("*.py"))
    assert [name for name in failpoints.NAMES if f'failpoints.reach("{name}")' not in source] == []
    assert {*INGESTING, *PUBLISHING} == set(failpoints.NAMES)
