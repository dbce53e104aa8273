"""`sluice status` over real lakes: every state an interval can be in, and how far the sources were read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.support.pipeline import PRODUCT, TRANSFORM

FIRST, SECOND = "2026-05-04", "2026-05-05"
TOO_MUCH = "2000000.00"  # a takings gate refuses more than a million
WITH_ONLINE = PRODUCT.replace("{source: sales}", "{source: sales}\n      online: {source: online, required: false}")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_a_published_interval_says_version_rows_and_when(desk: Desk) -> None:
    """The ordinary morning."""
    desk.sell(FIRST, 1, 2)
    desk.run(FIRST)
    state = desk.ask("status", "takings")["products"]["takings"][0]
    assert (state["state"], state["shown"]["version"], state["shown"]["rows"]) == ("published", 1, 1)
    assert state["shown"]["at"] == "2026-05-05T01:10:00+00:00"
    assert "2026-05-04  published  v1" in desk.say("status").output


def test_an_interval_that_is_due_and_untried_is_missing(desk: Desk) -> None:
    """A scheduler that never woke leaves no run and no error: only the calendar knows."""
    assert desk.states() == {FIRST: "missing"}


def test_an_interval_is_not_expected_before_its_tick(desk: Desk) -> None:
    """At five past midnight nothing is late yet."""
    desk.at("2026-05-05 00:05")
    assert desk.states() == {}
    assert "nothing is due yet" in desk.say("status", "takings").output


def test_a_late_row_makes_a_published_day_stale_and_a_run_mends_it(desk: Desk) -> None:
    """The number on the dashboard is not the number in the source: say so, and of which input."""
    desk.sell(FIRST, 1, 2)
    desk.run(FIRST)
    desk.sell(FIRST, 3)
    desk.at("2026-05-05 09:00").ingest()
    state = desk.ask("status", "takings")["products"]["takings"][0]
    assert (state["state"], state["changed"]) == ("stale", ["sales"])
    desk.run(FIRST, ingesting=False)
    assert desk.states() == {FIRST: "published"}


def test_rows_of_another_day_make_nothing_stale(desk: Desk) -> None:
    """Every morning lands rows; yesterday's number must not go grey for today's sales."""
    desk.sell(FIRST, 1)
    desk.run(FIRST)
    desk.sell(SECOND, 2)
    desk.at("2026-05-05 09:00").ingest()
    assert desk.states() == {FIRST: "published"}


def test_a_refusal_says_what_readers_see_meanwhile(desk: Desk) -> None:
    """Refused is not broken: the version before is still there, and still right."""
    desk.sell(FIRST, 1, name="first.csv")
    desk.run(FIRST)
    desk.sell(FIRST, 1, amount=TOO_MUCH, name="first.csv")
    desk.at("2026-05-05 09:00").run(FIRST)
    state = desk.ask("status", "takings")["products"]["takings"][0]
    assert (state["state"], state["setback"]["code"], state["shown"]["version"]) == ("refused", "gate.refused", 1)
    assert "readers keep version 1" in state["note"]


def test_a_refusal_that_was_mended_is_history(desk: Desk) -> None:
    """An old attempt must not shadow the publication that answered it."""
    desk.sell(FIRST, 1, amount=TOO_MUCH, name="first.csv")
    desk.run(FIRST)
    assert desk.states() == {FIRST: "refused"}
    desk.sell(FIRST, 1, name="first.csv")
    desk.at("2026-05-05 06:20").run(FIRST)
    assert desk.states() == {FIRST: "published"}


def test_an_interval_without_its_required_input_has_failed(desk: Desk) -> None:
    """It was tried and could not be judged: neither refused nor forgotten."""
    desk.sell("2026-05-03", 1)
    desk.run(FIRST)
    state = desk.ask("status", "takings")["products"]["takings"][0]
    assert (state["state"], state["setback"]["code"]) == ("failed", "input.missing")


def test_an_interval_without_an_optional_input_is_degraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a number must never look like a whole one."""
    transform = TRANSFORM.replace("def takings(sales)", "def takings(sales, online)")
    desk = Desk(tmp_path, monkeypatch, product=WITH_ONLINE, transform=transform)
    online = tmp_path / "catalog/sources/online"
    online.mkdir(parents=True)
    text = (tmp_path / "catalog/sources/sales/source.yaml").read_text()
    (online / "source.yaml").write_text(text.replace("source: sales", "source: online"))
    desk.sell(FIRST, 1)
    desk.run(FIRST)
    state = desk.ask("status", "takings")["products"]["takings"][0]
    assert state["state"] == "degraded"
    assert "without online" in state["note"]


def test_a_source_says_how_far_it_was_read_and_what_was_refused(desk: Desk) -> None:
    """A day over its reject budget is the answer to `why is yesterday missing`."""
    desk.sell(FIRST, 1)
    desk.sell(SECOND, 2, amount="ten")
    desk.ingest()
    source = desk.ask("status")["sources"][0]
    assert (source["source"], source["position"], source["landed_rows"]) == ("sales", "files", 2)
    assert source["landed_at"] == "2026-05-05T01:10:00+00:00"
    assert list(source["refused"]) == [SECOND]


def test_last_bounds_the_intervals(desk: Desk) -> None:
    """A product of ten years must not fill the terminal."""
    desk.at("2026-05-20 12:00")
    assert len(desk.states()) == 14
    assert len(desk.ask("status", "takings", "--last", "3")["products"]["takings"]) == 3


@pytest.mark.parametrize(
    "args",
    [("status", "nope"), ("trust", "nope"), ("explain", "nope"), ("diff", "nope"), ("quarantine", "list", "nope"),
     ("quarantine", "show", "nope"), ("sources", "probe", "nope")],
)  # fmt: skip
def test_an_unknown_name_is_said_to_be_unknown(desk: Desk, args: tuple[str, ...]) -> None:
    """An empty answer would read as `all is well`."""
    assert desk.refused(*args).code == "catalog.unknown"


def test_no_orchestrator_is_needed_or_loaded(desk: Desk) -> None:
    """The answer must come when Prefect is down, its home is gone, and nobody wants to wait for Great Expectations."""
    desk.sell(FIRST, 1)
    desk.run(FIRST)
    desk.environment.setenv("PREFECT_HOME", str(desk.root / "gone"))
    desk.environment.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    for command in ("status", "trust", "explain takings", "quarantine list"):
        code = (
            "import sys; from sluice.cli.main import call\n"
            f"assert call({command.split()!r}) == 0\n"
            "heavy = {n.split('.')[0] for n in sys.modules} & {'prefect', 'great_expectations', 'pandas', 'httpx'}\n"
            "assert not heavy, heavy"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert ("No row is in quarantine" if command == "quarantine list" else "published") in run.stdout
    assert not (desk.root / "gone").exists()
