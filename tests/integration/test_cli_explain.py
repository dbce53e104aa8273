"""`sluice explain` and `sluice diff` over real lakes: where a number comes from, and what changed in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.support.pipeline import TRANSFORM, sale

DAY = "2026-05-04"
TOO_MUCH = "2000000.00"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One day, published; three rows used, one rejected, one superseded."""
    desk = Desk(tmp_path, monkeypatch)
    desk.sell(DAY, 1, 2, name="till_1.csv")
    desk.shop.drop(
        "till_2.csv",
        sale(3, f"{DAY}T09:00:00"),
        sale(3, f"{DAY}T09:00:00", "12.00", changed_at=f"{DAY}T10:00:00"),
        sale(4, f"{DAY}T09:00:00", "ten"),
    )
    desk.run(DAY)
    return desk


def test_the_rows_of_every_input_add_up(desk: Desk) -> None:
    """Rows in = used + quarantined + superseded, and what is used is what the product read."""
    told = desk.ask("explain", "takings", "--for", DAY)["inputs"][0]
    assert told["conserved"] == {"in": 5, "silver": 3, "quarantined": 1, "superseded": 1}
    assert told["rows"] == 3 == sum(each["rows"] for each in told["origins"])
    assert "5 rows in = 3 used + 1 quarantined + 1 superseded" in desk.say("explain", "takings", "--for", DAY).output


def test_it_names_the_files_the_rows_came_from(desk: Desk) -> None:
    """From a number on a dashboard to a file on a disk in one command."""
    told = desk.ask("explain", "takings", "--for", DAY)["inputs"][0]
    assert {(Path(each["origin"]).name, each["rows"]) for each in told["origins"]} == {
        ("till_1.csv", 2), ("till_2.csv", 1),
    }  # fmt: skip
    assert {each["batch"] for each in told["origins"]} == {"run001"}


def test_it_says_who_published_which_version_and_why(desk: Desk) -> None:
    """The answer to an auditor."""
    told = desk.ask("explain", "takings", "--for", DAY)["publication"]
    assert (told["version"], told["actor"], told["run"], told["why"]) == (1, "tests", "run001", "scheduled")
    assert told["checks"]["passed"] > 0
    assert told["checks"]["failed"] == []
    assert told["metrics"] == {"revenue": "32.00"}
    assert told["contract"] == {
        "version": "1", "hash": desk.shop.ws.catalog.product("takings").hash, "changed_since": False,
    }  # fmt: skip


def test_it_says_when_the_code_has_changed_since(desk: Desk) -> None:
    """`Works on my checkout` ends here."""
    desk.shop.declare(transform=TRANSFORM + "\n    # a better rounding\n    BETTER = True\n")
    assert desk.ask("explain", "takings", "--for", DAY)["publication"]["code"]["changed_since"] is True


def test_it_explains_the_version_that_was_read_not_the_newest(desk: Desk) -> None:
    """Rows that landed after the publication are not part of its story."""
    desk.sell(DAY, 9, name="till_9.csv")
    desk.at("2026-05-05 09:00").ingest()
    told = desk.ask("explain", "takings", "--for", DAY)
    assert told["state"] == "stale"
    assert told["inputs"][0]["conserved"]["in"] == 5
    assert "till_9" not in str(told["inputs"])


def test_restatements_and_attempts_stay_in_the_story(desk: Desk) -> None:
    """Every version that readers ever saw, and every one that they were spared."""
    desk.sell(DAY, 1, 2, amount=TOO_MUCH, name="till_1.csv")
    desk.at("2026-05-05 07:00").run(DAY)
    desk.sell(DAY, 1, 2, amount="20.00", name="till_1.csv")
    desk.at("2026-05-05 08:00").run(DAY)
    told = desk.ask("explain", "takings", "--for", DAY)
    assert told["state"] == "published"
    assert [each["version"] for each in told["earlier"]] == [1]
    assert [each["code"] for each in told["attempts"]] == ["gate.refused"]
    assert told["publication"]["diff"]["metrics"] == {"revenue": ["32.00", "52.00"]}
    said = desk.say("explain", "takings", "--for", DAY).output
    assert "52.00  (was 32.00 in version 1)" in said
    assert "Attempts that did not publish" in said


def test_a_refused_interval_says_why_and_exits_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Explaining a refusal is a success."""
    desk = Desk(tmp_path, monkeypatch)
    desk.sell(DAY, 1, amount=TOO_MUCH)
    desk.run(DAY)
    told = desk.ask("explain", "takings", "--for", DAY)
    assert (told["state"], told["publication"]) == ("refused", None)
    said = desk.say("explain", "takings", "--for", DAY)
    assert (said.exit_code, "gate.refused" in said.output, "G2" in said.output) == (0, True, True)


def test_a_missing_interval_says_that_nobody_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is an answer too."""
    desk = Desk(tmp_path, monkeypatch)
    assert desk.ask("explain", "takings")["note"] == "due, and no run has tried it"


def test_two_intervals_are_one_too_many(desk: Desk) -> None:
    """A range would be explained by its first day, and nobody would notice."""
    assert desk.refused("explain", "takings", "--for", "2026-05-03..2026-05-04").code == "settings.invalid"


def test_the_difference_is_against_what_readers_saw_before(desk: Desk) -> None:
    """Another day's publication in between is not the version before of this one."""
    desk.sell("2026-05-05", 8)
    desk.at("2026-05-06 06:10").run("2026-05-05")
    desk.sell(DAY, 7, amount="5.50", name="till_7.csv")
    desk.at("2026-05-06 07:00").run(DAY)
    told = desk.ask("diff", "takings", "--for", DAY)
    assert (told["version"], told["against"]) == (3, 1)
    assert (told["added"], told["removed"], told["changed"]) == (0, 0, 1)
    assert told["metrics"] == {"revenue": ["32.00", "37.50"]}
    assert told["changes"] == [
        {"key": {"sold_on": DAY}, "column": "sold", "old": "3", "new": "4"},
        {"key": {"sold_on": DAY}, "column": "revenue", "old": "32.00", "new": "37.50"},
    ]
    assert "version 3 against version 1" in desk.say("diff", "takings", "--for", DAY).output


def test_the_first_version_differs_from_nothing(desk: Desk) -> None:
    """All of it is new."""
    told = desk.ask("diff", "takings", "--for", DAY)
    assert (told["against"], told["added"], told["added_rows"]) == (
        None, 1, [{"sold_on": DAY, "sold": 3, "revenue": "32.00"}],
    )  # fmt: skip


def test_a_version_of_ones_own_choice(desk: Desk) -> None:
    """Against the version in which the day was not there yet, every row was added."""
    assert desk.ask("diff", "takings", "--for", DAY, "--against", "0")["added"] == 1
    assert desk.ask("diff", "takings", "--for", DAY, "--against", "1")["changed"] == 0


@pytest.mark.parametrize("args", [("--for", DAY, "--against", "99"), ("--for", "2026-05-03")])
def test_a_version_or_interval_that_never_was_is_said(desk: Desk, args: tuple[str, ...]) -> None:
    """No difference to nothing would read as `no difference`."""
    assert desk.refused("diff", "takings", *args).code == "settings.invalid"
