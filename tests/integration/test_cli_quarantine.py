"""`sluice quarantine` and `sluice sources` over real lakes and real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.support.pipeline import SOURCE, sale

RULE = """\
    rules:
      - id: R1
        description: A sale of a night is a till with a wrong clock.
        expect: expect_column_pair_values_a_to_be_greater_than_b
        with: {column_A: changed_at, column_B: sold_at, or_equal: true}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two days with a row of each fault among good ones."""
    desk = Desk(tmp_path, monkeypatch, source=SOURCE.replace("30%", "100%") + RULE)
    desk.shop.drop(
        "monday.csv",
        sale(1, "2026-05-04T10:00:00"),
        sale(2, "2026-05-04T10:00:00", "ten"),
        sale(3, "2026-05-04T10:00:00", "-1.00", changed_at="2026-05-03T10:00:00"),
    )
    desk.shop.drop("tuesday.csv", sale(4, "2026-05-05T10:00:00", "twelve"), sale(5, "2026-05-05T10:00:00"))
    desk.shop.drop_text("broken.csv", "id,wrong\n1,2\n")
    desk.ingest()
    return desk


def test_the_list_counts_rows_and_days_by_rule(desk: Desk) -> None:
    """What to mend first."""
    told = {each["rule"]: each for each in desk.ask("quarantine", "list", "sales")}
    assert (told["type:amount"]["rows"], told["type:amount"]["days"]) == (2, 2)
    assert (told["R1"]["rows"], told["R1"]["means"]) == (1, "A sale of a night is a till with a wrong clock.")
    assert told["range:amount"]["means"] == "below 0"
    assert told["contract.missing_column"]["rows"] == 1
    assert told["R1"]["first_landed"] == "2026-05-05T01:10:00+00:00"


def test_a_row_shows_its_rules_place_key_and_the_values_at_fault(desk: Desk) -> None:
    """Enough to find it in the source system, without the other forty columns."""
    (row,) = desk.ask("quarantine", "show", "sales", "--rule", "R1")["shown"]
    assert row["rules"] == ["range:amount", "R1"]
    assert (Path(row["origin"]).name, row["line"], row["key"]) == ("monday.csv", 4, {"id": "3"})
    assert row["values"]["amount"] == "-1.00"
    assert row["values"]["changed_at"].startswith("2026-05-03")
    assert (row["day"], row["batch"]) == ("2026-05-04", "run001")


def test_rows_are_found_by_day(desk: Desk) -> None:
    """`What was wrong with Tuesday?`"""
    told = desk.ask("quarantine", "show", "sales", "--for", "2026-05-05", "--rule", "type:amount")
    assert [each["values"] for each in told["shown"]] == [{"amount": "twelve"}]
    assert "tuesday.csv:2" in desk.say("quarantine", "show", "sales", "--for", "2026-05-05").output


def test_a_whole_file_shows_why_it_could_not_be_used(desk: Desk) -> None:
    """It has no line and no key; it has a reason."""
    (row,) = desk.ask("quarantine", "show", "sales", "--rule", "contract.missing_column")["shown"]
    assert (Path(row["origin"]).name, row["line"]) == ("broken.csv", None)
    assert "sold_at" in row["raw"]


def test_the_limit_bounds_what_is_shown_and_not_what_is_counted(desk: Desk) -> None:
    """A bad night rejects a million rows."""
    told = desk.ask("quarantine", "show", "sales", "--limit", "1")
    assert (told["rows"], len(told["shown"])) == (4, 1)
    assert "1 of 4 rows" in desk.say("quarantine", "show", "sales", "--limit", "1").output


def test_an_empty_quarantine_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table on the screen would look like a fault of the command."""
    desk = Desk(tmp_path, monkeypatch)
    assert desk.say("quarantine", "list").output == "No row is in quarantine.\n"
    assert desk.say("quarantine", "show", "sales").output == "No such row of sales is in quarantine.\n"
    assert desk.ask("quarantine", "list") == []


def test_a_day_that_is_none_is_refused(desk: Desk) -> None:
    """`--for yesterday` must not mean `for no day`."""
    assert desk.refused("quarantine", "show", "sales", "--for", "yesterday").code == "settings.invalid"


def test_sources_are_listed_with_their_readers(desk: Desk) -> None:
    """Whom to tell before a source changes."""
    (told,) = desk.ask("sources", "list")
    assert (told["source"], told["kind"], told["readers"]) == ("sales", "files", ["takings"])


def test_a_probe_shows_live_rows_and_lands_nothing(desk: Desk) -> None:
    """The first question about a new source: what does it look like right now?"""
    before = desk.shop.snapshot("bronze").version
    told = desk.ask("sources", "probe", "sales", "--rows", "2")
    assert len(told["rows"]) <= 2
    said = desk.say("sources", "probe", "sales").output
    assert "nothing was landed" in said
    assert desk.shop.snapshot("bronze").version == before
