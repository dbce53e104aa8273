"""`sluice trust` over real lakes: for each fault the right answer, in one sentence, with what readers see."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import Desk
from tests.support.pipeline import PRODUCT

FIRST, SECOND = "2026-05-04", "2026-05-05"
TOO_MUCH = "2000000.00"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The first day is out, and it is six in the morning after the second."""
    desk = Desk(tmp_path, monkeypatch)
    desk.sell(FIRST, 1, 2)
    desk.run(FIRST)
    return desk.at("2026-05-06 06:10")


def trusted(desk: Desk, exit_code: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = desk.ask("trust", "takings", exit_code=exit_code)["products"][0]
    return answer


def test_yes(desk: Desk) -> None:
    """Two words that a dashboard can show."""
    desk.sell(SECOND, 3)
    desk.run(SECOND)
    answer = trusted(desk.at("2026-05-06 08:10"))
    assert answer["answer"] == "yes"
    assert answer["sentence"] == (
        "Yes. takings 2026-05-05 is out as version 2, published 2 h ago. All 10 checks passed."
    )
    assert desk.say("trust").output.startswith("Yes. takings 2026-05-05")


def test_before_its_time_it_is_not_yet(desk: Desk) -> None:
    """Nobody is to be woken at ten past six for what is promised at half past seven."""
    answer = trusted(desk, exit_code=3)
    assert answer["answer"] == "no"
    assert answer["sentence"].startswith("Not yet. takings 2026-05-05 is due by 07:30. Readers see 2026-05-04")
    assert answer["readers"]["version"] == 1


def test_after_its_time_it_is_no_and_says_since_when(desk: Desk) -> None:
    """A missing number is the fault that no run reports."""
    answer = trusted(desk.at("2026-05-06 09:30"), exit_code=3)
    assert answer["sentence"].startswith("No. takings 2026-05-05 has not been published. Readers see 2026-05-04")
    assert answer["reasons"] == ["It was due by 6 May 07:30, 2 h ago, and is not out."]
    assert answer["remedy"] == "sluice run takings --for 2026-05-05"


def test_a_refusal_is_no_with_its_reason_and_what_readers_see(desk: Desk) -> None:
    """The whole point: the wrong number is not out, and everybody can read why."""
    desk.sell(SECOND, 3, amount=TOO_MUCH)
    desk.run(SECOND)
    answer = trusted(desk, exit_code=3)
    assert (answer["state"], answer["code"]) == ("refused", "gate.refused")
    assert "Readers see 2026-05-04, version 1, published 1 day ago." in answer["sentence"]
    assert "G2" in answer["reasons"][0]
    assert desk.say("trust").exit_code == 3


def test_late_rows_and_a_late_publication_are_caveats(desk: Desk) -> None:
    """The number is there and can be used; what it lacks is said beside it."""
    desk.sell(SECOND, 3)
    desk.at("2026-05-06 09:00").run(SECOND)
    desk.sell(SECOND, 4)
    desk.at("2026-05-06 10:00").ingest()
    answer = trusted(desk)
    assert answer["answer"] == "caveats"
    assert answer["caveats"] == [
        "sales got newer rows after it was published; running it again takes them in.",
        "It came out 6 May 09:00, after the time promised, 6 May 07:30.",
    ]


def test_a_restatement_does_not_make_it_late(desk: Desk) -> None:
    """It came out in time; that it was made better at ten is no reproach."""
    desk.sell(SECOND, 3)
    desk.run(SECOND)
    desk.sell(SECOND, 4)
    desk.at("2026-05-06 10:00").run(SECOND)
    assert trusted(desk)["answer"] == "yes"


def test_a_gap_before_it_is_a_caveat_while_late_data_may_fill_it(desk: Desk) -> None:
    """A week's sum over six days is wrong, though today's number is right; after a week it is history."""
    desk.sell("2026-05-06", 5)
    desk.at("2026-05-07 06:10").run("2026-05-06")
    assert trusted(desk)["caveats"] == ["2026-05-05 is not published."]
    days = [f"2026-05-{day:02}" for day in range(7, 17)]
    for id_, day in enumerate(days, 10):
        desk.sell(day, id_)
    desk.at("2026-05-17 06:10").run(f"{days[0]}..{days[-1]}")
    assert trusted(desk)["answer"] == "yes"


def test_a_file_set_aside_as_a_whole_is_a_caveat(desk: Desk) -> None:
    """A store whose file could not be read is missing from the sum, and no check of the sum can know it."""
    desk.sell(SECOND, 3)
    desk.shop.drop_text("store_7.csv", "id,wrong\n1,2\n")
    desk.run(SECOND)
    answer = trusted(desk)
    assert answer["caveats"] == ["1 file of sales was set aside (contract.missing_column): store_7.csv."]


def test_rejected_rows_are_told_as_a_share_of_the_days(desk: Desk) -> None:
    """One in four rejected is below the budget and still worth knowing."""
    desk.sell(SECOND, 3, 4, 5)
    desk.sell(SECOND, 6, amount="ten")
    desk.run(SECOND)
    assert trusted(desk)["rejected"] == [{"source": "sales", "rows_in": 4, "rows": 1, "share": 0.25}]
    assert "rejected 1 of 4 rows of sales (25.00%)" in desk.say("trust").output


def test_newer_rows_that_were_refused_on_their_way_are_a_caveat(desk: Desk) -> None:
    """The product stands on older rows than the source sent, and no run of the product says so."""
    desk.sell(SECOND, 3)
    desk.run(SECOND)
    desk.sell(SECOND, 4, 5, 6, amount="ten")
    desk.at("2026-05-06 09:00").ingest()
    (caveat,) = trusted(desk)["caveats"]
    assert caveat.startswith("Newer rows of sales were refused")


def test_a_product_that_reads_a_refused_one_names_the_root(desk: Desk) -> None:
    """Ten red products have one cause; on call looks there."""
    desk.add_totals()
    desk.run(FIRST, "totals", ingesting=False)
    desk.sell(SECOND, 3, amount=TOO_MUCH)
    desk.run(SECOND)
    desk.at("2026-05-06 07:00").run(SECOND, "totals", ingesting=False)
    overall = desk.ask("trust", exit_code=3)
    totals = next(each for each in overall["products"] if each["product"] == "totals")
    assert overall["answer"] == "no"
    assert totals["root"] == "takings"
    assert "because takings 2026-05-05 was refused. Readers see 2026-05-04" in totals["sentence"]
    assert "G2" in totals["reasons"][-1]


def test_a_product_on_an_older_version_of_a_refused_one_says_so(desk: Desk) -> None:
    """Its own publication is whole; what it was made from is known to be behind."""
    desk.add_totals()
    desk.sell(SECOND, 3, name="second.csv")
    desk.run(SECOND)
    desk.at("2026-05-06 06:40").run(SECOND, "totals", ingesting=False)
    desk.sell(SECOND, 3, amount=TOO_MUCH, name="second.csv")
    desk.at("2026-05-06 07:00").run(SECOND)
    totals = desk.ask("trust", "totals")["products"][0]
    assert totals["answer"] == "caveats"
    assert "takings 2026-05-05 was refused; this was made from its previous version." in totals["caveats"]


def test_warnings_of_the_contracts_are_beside_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What every user must know belongs beside every number."""
    desk = Desk(tmp_path, monkeypatch, product=PRODUCT + '    warnings: ["Returns count on the day of the return."]\n')
    assert trusted(desk, exit_code=3)["warnings"] == ["Returns count on the day of the return."]
    assert "Returns count" in desk.say("trust").output


def test_a_product_that_has_not_begun_says_so(desk: Desk) -> None:
    """A new product is no incident."""
    assert trusted(desk.at("2026-05-04 12:00"), exit_code=3)["sentence"] == (
        "Not yet. Nothing of takings is due so far."
    )


def test_deleting_the_orchestrators_home_changes_nothing(desk: Desk) -> None:
    """The lake is the only witness."""
    home = desk.root / "prefect"
    home.mkdir()
    (home / "prefect.db").write_bytes(b"everything the server knew")
    desk.environment.setenv("PREFECT_HOME", str(home))
    asked = [("trust", 3), ("status", 0)]
    before = [desk.ask(command, exit_code=code) for command, code in asked]
    shutil.rmtree(home)
    assert [desk.ask(command, exit_code=code) for command, code in asked] == before
