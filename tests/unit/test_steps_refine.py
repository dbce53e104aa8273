"""Refining: only the days that new rows touch, each key in exactly one of them, and refused days as they were."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from sluice.errors import Transient
from sluice.model.facts import Split
from sluice.steps import land, refine
from tests.support.invariants import violations
from tests.support.pipeline import SOURCE, Shop, day_of_sales, sale

MON, TUE, WED, THU = (f"2026-05-0{n}" for n in (4, 5, 6, 7))
GROUPS = pytest.mark.parametrize("refine_rows", [1, 3, 1_000_000], ids=["a day a group", "few", "all at once"])


def shop_of(folder: Path, refine_rows: int = 1_000_000, **more: object) -> Shop:
    return Shop(folder, refine_rows=refine_rows, **more)  # type: ignore[arg-type]


def days(shop: Shop) -> dict[int, str]:
    return {id_: day for id_, (day, _) in shop.silver().items()}


def sound(shop: Shop) -> bool:
    assert violations(shop.root / "lake") == []
    return True


def moved(id_: int, to: str, amount: str = "10.00", at: str = "2026-05-20T10:00:00") -> dict[str, object]:
    """A correction that re-dates a sale."""
    return sale(id_, f"{to}T12:00:00", amount, changed_at=at)


@GROUPS
def test_only_the_days_that_new_rows_touch_are_rewritten(tmp_path: Path, refine_rows: int) -> None:
    """A late row of an old day rewrites that day; the files of all others stay byte for byte."""
    shop = shop_of(tmp_path, refine_rows)
    for day, ids in ((MON, [1, 2]), (TUE, [3, 4]), (WED, [5, 6])):
        shop.drop(f"{day}.csv", *day_of_sales(day, ids))
    shop.ingest()
    before = shop.files("silver")
    shop.drop("late.csv", *day_of_sales(TUE, [7]))
    _, refined = shop.ingest()
    after = shop.files("silver")
    assert (refined.changed, sorted(refined.counts)) == ((TUE,), [TUE])
    assert {d for d in before if before[d] != after[d]} == {TUE}
    assert days(shop) == {1: MON, 2: MON, 3: TUE, 4: TUE, 7: TUE, 5: WED, 6: WED}
    assert sound(shop)


@GROUPS
def test_a_key_that_moved_to_another_day_stands_in_one_day_only(tmp_path: Path, refine_rows: int) -> None:
    """An order re-dated and left in its old partition is counted twice in the year."""
    shop = shop_of(tmp_path, refine_rows)
    for day, ids in ((MON, [1, 2]), (TUE, [3, 4]), (THU, [8, 9])):
        shop.drop(f"{day}.csv", *day_of_sales(day, ids))
    shop.ingest()
    thursday = shop.files("silver")[THU]
    shop.drop("correction.csv", moved(1, WED))
    _, refined = shop.ingest()
    assert refined.changed == (MON, WED)
    assert days(shop) == {1: WED, 2: MON, 3: TUE, 4: TUE, 8: THU, 9: THU}
    assert shop.files("silver")[THU] == thursday
    shop.drop("late.csv", *day_of_sales(MON, [5]))  # the old day again, where bronze still has the old row
    shop.ingest()
    assert days(shop)[1] == WED
    shop.drop("back.csv", moved(1, MON, at="2026-05-21T10:00:00"))
    shop.ingest()
    assert days(shop) == {1: MON, 2: MON, 5: MON, 3: TUE, 4: TUE, 8: THU, 9: THU}
    assert sound(shop)


@GROUPS
def test_a_bad_correction_on_another_day_is_not_forgotten_when_the_old_day_comes_again(
    tmp_path: Path, refine_rows: int
) -> None:
    """The rejected correction stands in quarantine; refining the old day alone used to bring the old row back."""
    shop = shop_of(tmp_path, refine_rows)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2]))
    shop.drop("wed.csv", *day_of_sales(WED, [3, 4, 5, 6]))
    shop.ingest()
    shop.drop("correction.csv", moved(1, WED, amount="-1"))
    shop.ingest()
    assert sorted(days(shop)) == [2, 3, 4, 5, 6]
    shop.drop("late.csv", *day_of_sales(MON, [7]))
    shop.ingest()
    assert sorted(days(shop)) == [2, 3, 4, 5, 6, 7]
    assert sound(shop)


@GROUPS
def test_a_correction_that_is_withdrawn_gives_way_to_the_row_before_it(tmp_path: Path, refine_rows: int) -> None:
    """The file that re-dated a sale is replaced by one that does not: the sale was lost from every day."""
    shop = shop_of(tmp_path, refine_rows)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2]))
    shop.drop("wed.csv", *day_of_sales(WED, [3]))
    shop.ingest()
    shop.drop("correction.csv", moved(1, WED))
    shop.ingest()
    assert days(shop) == {1: WED, 2: MON, 3: WED}
    shop.drop("correction.csv", *day_of_sales(THU, [4]))
    shop.ingest()
    assert days(shop) == {1: MON, 2: MON, 3: WED, 4: THU}
    assert sound(shop)


@GROUPS
def test_a_day_over_its_budget_keeps_its_silver_until_it_is_mended(tmp_path: Path, refine_rows: int) -> None:
    """Half a day of garbage must not replace a good day; the other days go on."""
    shop = shop_of(tmp_path, refine_rows)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2]))
    shop.drop("tue.csv", *day_of_sales(TUE, [3, 4]))
    shop.ingest()
    before = shop.files("silver")
    bad = [sale(n, f"{MON}T12:00:00", "much") for n in (5, 6, 7)]
    shop.drop("more.csv", *bad, *day_of_sales(WED, [8]))
    _, refined = shop.ingest()
    assert [(d, r["code"]) for d, r in refined.refused.items()] == [(MON, "rejects.over_budget")]
    assert "3 of 5" in refined.refused[MON]["what"]
    assert shop.files("silver")[MON] == before[MON]
    assert days(shop) == {1: MON, 2: MON, 3: TUE, 4: TUE, 8: WED}
    quarantined = shop.rows("quarantine")
    assert quarantined.select("id", "amount").sort("id").rows() == [("5", "much"), ("6", "much"), ("7", "much")]
    _, refined = shop.ingest()  # nothing new came: the refusal stands, and nothing is done twice
    assert refined.version is None
    shop.drop("more.csv", *day_of_sales(MON, [5, 6, 7]), *day_of_sales(WED, [8]))
    _, refined = shop.ingest()
    assert (refined.refused, refined.changed) == ({}, (MON,))
    assert sorted(days(shop)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert shop.rows("quarantine").height == 0
    assert sound(shop)


def test_a_refused_day_is_tried_again_when_its_contract_is_mended(tmp_path: Path) -> None:
    """The rule was wrong, not the rows: bronze has not moved, and the day waited for a row that never came."""
    shop = shop_of(tmp_path)
    shop.drop("mon.csv", *day_of_sales(MON, [1]), sale(2, f"{MON}T12:00:00", "-5.00"))
    _, refined = shop.ingest()
    assert list(refined.refused) == [MON]
    shop.declare(source=SOURCE.replace(", min: 0", ""))
    _, refined = shop.ingest()
    assert (refined.refused, refined.changed) == ({}, (MON,))
    assert sorted(days(shop)) == [1, 2]
    _, refined = shop.ingest()
    assert refined.version is None
    assert sound(shop)


@pytest.mark.parametrize("refused_day", [MON, WED], ids=["the day it left", "the day it came to"])
@GROUPS
def test_a_sale_that_moves_to_or_from_a_refused_day_stays_where_it_is(
    tmp_path: Path, refine_rows: int, refused_day: str
) -> None:
    """One of its two days keeps its old silver: were the other replaced, the sale would stand in both, or in none."""
    shop = shop_of(tmp_path, refine_rows)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2]))
    shop.drop("wed.csv", *day_of_sales(WED, [3, 4]))
    shop.drop("tue.csv", *day_of_sales(TUE, [5]))
    shop.ingest()
    garbage = [sale(n, f"{refused_day}T12:00:00", "much") for n in range(20, 26)]
    shop.drop("correction.csv", moved(1, WED), *garbage, *day_of_sales(TUE, [6]))
    _, refined = shop.ingest()
    assert sorted(refined.refused) == [MON, WED]
    assert days(shop) == {1: MON, 2: MON, 3: WED, 4: WED, 5: TUE, 6: TUE}
    assert "shares rows" in refined.refused[MON if refused_day == WED else WED]["what"]
    shop.drop("correction.csv", moved(1, WED), *day_of_sales(TUE, [6]))
    _, refined = shop.ingest()
    assert refined.refused == {}
    assert days(shop) == {1: WED, 2: MON, 3: WED, 4: WED, 5: TUE, 6: TUE}
    assert sound(shop)


@pytest.mark.parametrize("seed", range(4))
def test_silver_depends_on_neither_the_groups_nor_the_order_of_arrival(tmp_path: Path, seed: int) -> None:
    """Many small files of corrections that move sales about, refined night by night in groups of one row, or once
    and all together: what stands in silver is one and the same."""
    dice = random.Random(seed)
    nights = [
        [
            moved(
                dice.randrange(12), dice.choice([MON, TUE, WED, THU]), dice.choice(["10.00", "20.00", "x"]),
                at=f"2026-05-{10 + night:02}T10:00:{line:02}",
            )
            for line in range(6)
        ]
        for night in range(5)
    ]  # fmt: skip
    tolerant = SOURCE.replace("30%", "100%")
    nightly, at_once = (
        shop_of(tmp_path / name, rows, source=tolerant) for name, rows in (("nightly", 1), ("at_once", 10**6))
    )
    for number, night in enumerate(nights):
        nightly.drop(f"night_{number}.csv", *night)
        nightly.ingest()
        at_once.drop(f"night_{number}.csv", *night)
    at_once.ingest()
    assert nightly.silver() == at_once.silver()
    ours = [s.rows("quarantine").sort("id").select("id", "_event_on").rows() for s in (nightly, at_once)]
    assert ours[0] == ours[1]
    assert sound(nightly)
    assert sound(at_once)


def test_a_replaced_file_whose_oldest_day_is_gone_is_refined_in_small_groups_too(tmp_path: Path) -> None:
    """The first day had no rows left, so it asked for a group that was not there yet, and the run stopped."""
    shop = shop_of(tmp_path, 1)
    shop.drop("till.csv", *day_of_sales(MON, [1]), *day_of_sales(WED, [2, 3]))
    shop.ingest()
    shop.drop("till.csv", *day_of_sales(WED, [2, 3]))
    shop.ingest()
    assert days(shop) == {2: WED, 3: WED}
    assert sound(shop)


def test_silver_that_would_be_the_same_keeps_its_files(tmp_path: Path) -> None:
    """A gold day is rebuilt when its input's files change: the same rows under new names rebuilt the whole year."""
    shop = shop_of(tmp_path)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2]))
    shop.ingest()
    before = shop.files("silver")
    shop.drop("mon.csv", *reversed(day_of_sales(MON, [1, 2])))
    _, refined = shop.ingest()
    lines = shop.rows("silver").sort("id")["_line"].to_list()
    assert (refined.changed, lines) in [((), [2, 3]), ((MON,), [3, 2])]
    again = shop.files("silver")
    shop.drop("other.csv", sale(1, f"{MON}T12:00:00", changed_at="2026-05-01T00:00:00"))  # older than what we have
    _, refined = shop.ingest()
    assert refined.changed == ()
    assert shop.files("silver") == again
    assert set(before) == set(again)
    assert sound(shop)


def test_two_refinings_of_one_landing_leave_one_result(tmp_path: Path) -> None:
    """Two runs land nothing and something, and both refine: the slower must find out before it writes."""
    shop = shop_of(tmp_path)
    shop.drop("mon.csv", *day_of_sales(MON, [1]), sale(2, f"{MON}T12:00:00", "-1"), *day_of_sales(MON, [3, 4]))
    ws = shop.ws
    plan = land.plan(ws, "sales", "run")
    land.commit_landing(ws, plan, [land.land_split(ws, plan, Split.from_dict(s)) for s in plan.splits])
    plans = [refine.plan(ws, "sales", run) for run in ("one", "two")]
    parts = [[refine.refine_days(ws, p, g) for g in p.groups] for p in plans]
    refine.commit_refining(ws, plans[0], parts[0])
    again = refine.commit_refining(ws, plans[0], parts[0])
    assert again.version == shop.snapshot("silver").version
    with pytest.raises(Transient) as conflict:
        refine.commit_refining(ws, plans[1], parts[1])
    assert conflict.value.code == "lake.conflict"
    assert shop.rows("quarantine").height == 1
    assert sorted(days(shop)) == [1, 3, 4]
    assert sound(shop)


def test_the_counts_of_every_day_stand_in_the_commit(tmp_path: Path) -> None:
    """Rows in = silver + quarantined + superseded is a promise that anybody can check years later."""
    shop = shop_of(tmp_path)
    twice = sale(1, f"{MON}T12:00:00", "12.00", changed_at="2026-05-09T10:00:00")
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2, 3]), twice, sale(4, f"{MON}T12:00:00", "x"))
    _, refined = shop.ingest()
    assert refined.counts == {MON: {"in": 5, "silver": 3, "quarantined": 1, "superseded": 1, "files": 0}}
    facts = refine.last_refining(shop.snapshot("silver"))
    assert facts is not None
    assert (facts["counts"], facts["reasons"]) == (refined.counts, {"type:amount": 1})
    assert isinstance(shop.rows("silver").schema["amount"], pl.Decimal)
    assert sound(shop)
