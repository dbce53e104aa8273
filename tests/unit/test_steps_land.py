"""Landing files: each once, a changed one in the place of the former, and the days it was of refined again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sluice.errors import Broken, Transient
from sluice.model.facts import Split
from sluice.steps import land
from tests.support.invariants import violations
from tests.support.pipeline import SOURCE, Shop, day_of_sales, refine_all, sale, through_json


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def sound(shop: Shop) -> bool:
    assert violations(shop.root / "lake") == []
    return True


def test_a_file_is_landed_once(shop: Shop) -> None:
    """Every run looks at the whole folder; only the log knows what was there before."""
    shop.drop("monday.csv", *day_of_sales("2026-05-04", [1, 2]))
    first, _ = shop.ingest()
    again, refined = shop.ingest()
    assert (first.rows, again.rows, again.unchanged, refined.version) == (2, 0, True, None)
    shop.drop("tuesday.csv", *day_of_sales("2026-05-05", [3]))
    third, refined = shop.ingest()
    assert (third.rows, refined.changed) == (1, ("2026-05-05",))
    assert sorted(shop.silver()) == [1, 2, 3]
    assert sound(shop)


def test_an_empty_folder_lands_nothing_and_stops_nothing(shop: Shop) -> None:
    """The first night of a new source; refining an empty bronze used to fail for want of a column."""
    for _ in range(2):
        landed, refined = shop.ingest()
        assert (landed.rows, refined.version) == (0, None)
    shop.drop("monday.csv", *day_of_sales("2026-05-04", [1]))
    shop.ingest()
    assert sorted(shop.silver()) == [1]
    assert sound(shop)


def test_a_file_with_a_header_only_is_known_afterwards(shop: Shop) -> None:
    """A till that sold nothing: the file holds no rows, and must not be read again every night."""
    shop.drop("monday.csv")
    first, _ = shop.ingest()
    again, _ = shop.ingest()
    assert (first.rows, first.unchanged, again.unchanged) == (0, False, True)
    assert sound(shop)


def test_a_changed_file_replaces_its_rows_on_the_days_they_were_of(shop: Shop) -> None:
    """A till re-sends Monday, and half of it was Tuesday: what left Monday must leave Monday's silver."""
    shop.drop("till.csv", *day_of_sales("2026-05-04", [1, 2, 3]))
    shop.drop("other.csv", *day_of_sales("2026-05-04", [9]))
    shop.ingest()
    shop.drop("till.csv", sale(1, "2026-05-04T12:00:00", "11.00"), *day_of_sales("2026-05-05", [3]))
    landed, refined = shop.ingest()
    assert landed.dates == {"2026-05-04": 1, "2026-05-05": 1}
    assert refined.changed == ("2026-05-04", "2026-05-05")
    assert shop.silver() == {
        1: ("2026-05-04", "11.00"), 3: ("2026-05-05", "10.00"), 9: ("2026-05-04", "10.00")
    }  # fmt: skip
    assert sound(shop)


def test_a_file_that_becomes_empty_takes_its_rows_with_it(shop: Shop) -> None:
    """The till cancelled its day; the partition must go too."""
    shop.drop("till.csv", *day_of_sales("2026-05-04", [1]))
    shop.ingest()
    shop.drop("till.csv")
    _, refined = shop.ingest()
    assert refined.changed == ("2026-05-04",)
    assert shop.silver() == {}
    assert sound(shop)


def test_the_same_bytes_again_are_not_another_file(shop: Shop) -> None:
    """A sync tool touches every file each night; nothing has changed for it."""
    path = shop.drop("till.csv", *day_of_sales("2026-05-04", [1, 2]))
    shop.ingest()
    shop.drop_text("till.csv", path.read_text())
    _, refined = shop.ingest()
    assert refined.changed == ()
    assert sorted(shop.silver()) == [1, 2]
    assert sound(shop)


def test_a_split_that_is_retried_leaves_no_duplicates(shop: Shop) -> None:
    """A worker dies with its split half read or fully staged; another reads it again; only one is committed."""
    shop.drop("till.csv", *day_of_sales("2026-05-04", [1, 2, 3]))
    ws = shop.ws
    plan = land.plan(ws, "sales", "run")
    (split,) = (Split.from_dict(s) for s in plan.splits)
    parts = [land.land_split(ws, plan, split) for _ in range(3)]
    assert land.commit_landing(ws, plan, parts[-1:]).rows == 3
    refine_all(ws, "sales", "run")
    assert sorted(shop.silver()) == [1, 2, 3]
    assert sound(shop)


def test_a_commit_that_is_retried_by_its_own_run_is_done_and_lands_once(shop: Shop) -> None:
    """The worker died after the commit and before its answer: the same run asks again, and that is no conflict."""
    shop.drop("till.csv", *day_of_sales("2026-05-04", [1]))
    ws = shop.ws
    plan = through_json(land.plan(ws, "sales", "run"))
    parts = [through_json(land.land_split(ws, plan, Split.from_dict(s))) for s in plan.splits]
    first = land.commit_landing(ws, plan, parts)
    again = land.commit_landing(ws, plan, parts)
    assert (first.rows, first.version) == (again.rows, again.version) == (1, 1)
    refine_all(ws, "sales", "run")
    assert sorted(shop.silver()) == [1]
    assert sound(shop)


def test_of_two_runs_that_plan_the_same_files_one_lands_them(shop: Shop) -> None:
    """The night's run and somebody's hand at the same moment."""
    shop.drop("till.csv", *day_of_sales("2026-05-04", [1]))
    ws = shop.ws
    plans = [land.plan(ws, "sales", run) for run in ("one", "two")]
    parts = [[land.land_split(ws, p, Split.from_dict(s)) for s in p.splits] for p in plans]
    assert land.commit_landing(ws, plans[0], parts[0]).rows == 1
    with pytest.raises(Transient) as conflict:
        land.commit_landing(ws, plans[1], parts[1])
    assert conflict.value.code == "lake.conflict"
    refine_all(ws, "sales", "one")
    assert sorted(shop.silver()) == [1]
    assert sound(shop)


@pytest.mark.parametrize(("policy", "kept"), [("keep", True), ("drop", False)])
def test_an_unknown_column_is_kept_or_dropped_and_said(tmp_path: Path, policy: str, kept: bool) -> None:
    """Sources grow columns unannounced; the contract says what becomes of them, people hear of them either way."""
    shop = Shop(tmp_path, source=SOURCE + f"    unknown_columns: {policy}\n")
    shop.drop("till.csv", {**sale(1, "2026-05-04T12:00:00"), "Kassir Ismi": "Aziza"})
    landed, _ = shop.ingest()
    assert [(n["kind"], "Kassir Ismi" in n["what"]) for n in landed.notices] == [("unknown_column", True)]
    assert ("Kassir Ismi" in shop.rows("silver").columns) == kept
    assert sound(shop)


def test_an_unknown_column_that_the_contract_refuses_lands_nothing(tmp_path: Path) -> None:
    """Where a new column may be personal data, the batch waits for a person."""
    shop = Shop(tmp_path, source=SOURCE + "    unknown_columns: refuse\n")
    shop.drop("till.csv", {**sale(1, "2026-05-04T12:00:00"), "phone": "1"})
    with pytest.raises(Broken) as refused:
        shop.ingest()
    assert refused.value.code == "contract.unknown_column"
    assert not (shop.root / "lake" / "bronze" / "sales" / "_delta_log").exists()


def test_a_column_that_appears_later_is_null_before(shop: Shop) -> None:
    """The table widens in the same commit; yesterday's files stay as they are."""
    shop.drop("monday.csv", *day_of_sales("2026-05-04", [1]))
    shop.ingest()
    before = shop.files("bronze")[None]
    shop.drop("tuesday.csv", {**sale(2, "2026-05-05T12:00:00"), "cashier": "Aziza"})
    shop.ingest()
    assert set(before) < set(shop.files("bronze")[None])
    rows = shop.rows("silver").sort("id").select("id", "cashier").rows()
    assert rows == [(1, None), (2, "Aziza")]
    assert sound(shop)


def test_days_are_found_in_tables_wider_than_deltas_statistics(tmp_path: Path) -> None:
    """Delta keeps statistics of 32 columns. Ours stood behind the source's: of a file wider than the first ones,
    refining found no day, and its rows were lost without a word."""
    shop = Shop(tmp_path)
    shop.drop("monday.csv", *day_of_sales("2026-05-04", [1]))
    shop.ingest()
    wide = {f"extra_{n}": "x" for n in range(40)}
    shop.drop("tuesday.csv", {**sale(2, "2026-05-05T12:00:00"), **wide}, {**sale(1, "2026-05-05T12:00:00"), **wide})
    shop.ingest()
    assert shop.silver() == {1: ("2026-05-05", "10.00"), 2: ("2026-05-05", "10.00")}
    shop.drop("tuesday.csv", {**sale(2, "2026-05-06T12:00:00"), **wide})
    shop.ingest()
    assert shop.silver() == {1: ("2026-05-04", "10.00"), 2: ("2026-05-06", "10.00")}
    assert sound(shop)


def test_a_table_that_is_wide_from_its_first_file_knows_the_days_of_a_replaced_one(tmp_path: Path) -> None:
    """There the statistics of our columns were nowhere at all, and a changed file stopped the source."""
    shop = Shop(tmp_path)
    wide = {f"extra_{n}": "x" for n in range(40)}
    shop.drop("till.csv", {**sale(1, "2026-05-04T12:00:00"), **wide})
    shop.ingest()
    shop.drop("till.csv", {**sale(1, "2026-05-05T12:00:00"), **wide})
    landed, refined = shop.ingest()
    assert landed.dates == {"2026-05-04": 0, "2026-05-05": 1}
    assert refined.changed == ("2026-05-04", "2026-05-05")
    assert shop.silver() == {1: ("2026-05-05", "10.00")}
    assert sound(shop)


def test_a_file_that_cannot_be_read_is_quarantined_by_name_and_the_others_land(shop: Shop) -> None:
    """One bad upload must not stop the other thirty tills."""
    shop.drop("good.csv", *day_of_sales("2026-05-04", [1]))
    shop.drop_text("bad.csv", "id;sold_at\n1;2\n")
    landed, refined = shop.ingest()
    assert landed.problems == 1
    assert refined.refused == {}
    assert sorted(shop.silver()) == [1]
    (row,) = shop.rows("quarantine").iter_rows(named=True)
    assert (row["_reasons"], row["_origin"].endswith("bad.csv")) == (["contract.missing_column"], True)
    assert sound(shop)


def test_the_position_and_the_facts_of_a_batch_stand_in_the_log(shop: Shop) -> None:
    """With the orchestrator gone, the lake alone tells what came, when, by which contract, and who ran it."""
    shop.drop("till.csv", *day_of_sales("2026-05-04", [1, 2]))
    shop.ingest(run="tonight")
    from sluice.lake import ledger

    facts = next(ledger.entries(shop.snapshot("bronze"))).facts
    assert (facts["kind"], facts["run"], facts["rows"], facts["dates"]) == ("land", "tonight", 2, {"2026-05-04": 2})
    assert (facts["actor"], facts["contract"]) == ("tests", shop.ws.catalog.source("sales").hash)
    assert land.position_of(shop.snapshot("bronze")) is not None


def test_bronze_keeps_the_raw_text(shop: Shop) -> None:
    """A rule that was wrong is mended and the rows refined again: only the text as it came makes that possible."""
    shop.drop("till.csv", sale("007", "2026-05-04 12:00:00", "1.5O"))
    shop.ingest()
    (row,) = shop.rows("bronze").select("id", "sold_at", "amount", "_line").iter_rows()
    assert row == ("007", "2026-05-04 12:00:00", "1.5O", 2)
    assert isinstance(shop.rows("bronze").schema["amount"], pl.String)
