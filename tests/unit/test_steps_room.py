"""Memory is one account for all threads of a process, and results do not depend on it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluice.errors import Misconfigured
from sluice.ops.memory import MB, Cap
from sluice.steps import moved, refine, room
from tests.support.pipeline import SOURCE, Shop, day_of_sales, land_all, refine_all

SMALL = Cap(700 * MB)
DAYS = ("2026-05-04", "2026-05-05")


def test_what_does_not_fit_beside_others_waits_for_them() -> None:
    """Four workers with a large day each were four large days in memory."""
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with room.taken(SMALL, SMALL.working // 2):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_cpu_is_shared_out_between_all_that_ran_and_none_is_lost() -> None:
    """Polars works for everybody on the same threads, so nobody's CPU can be told apart; the sum can."""
    before = time.process_time()
    with room.taken(SMALL, 0) as first:
        sum(range(1_000_000))
        with room.taken(SMALL, 0) as second:
            sum(range(1_000_000))
        inner = second.cpu
        sum(range(1_000_000))
    whole = time.process_time() - before
    assert 0 < inner < first.cpu
    assert first.cpu + second.cpu == pytest.approx(whole, abs=0.05)


NOTES = SOURCE.replace("      amount: ", "      note:       {type: string}\n      amount: ")
WIDE = {"note": "x" * 150_000}


def wide_day(day: str, ids: range) -> list[dict[str, object]]:
    return [{**row, **WIDE} for row in day_of_sales(day, ids)]


def test_a_day_larger_than_the_cap_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A day is never cut. Silver stays, and so does what is to be refined: with more memory the next run does it."""
    shop = Shop(tmp_path, source=NOTES, memory="645MB")
    shop.drop("monday.csv", *day_of_sales("2026-05-04", range(5)))
    shop.ingest()
    silver = shop.files("silver")
    shop.drop("tuesday.csv", *wide_day("2026-05-05", range(100, 400)))
    land_all(shop.ws, "sales", "large")
    with pytest.raises(Misconfigured) as caught:
        refine.plan(shop.ws, "sales", "large")
    assert caught.value.code == "memory.too_small"
    assert "2026-05-05" in caught.value.what
    assert "bronze.sales" in caught.value.where
    assert shop.files("silver") == silver
    shop.memory = "2GB"
    shop.ingest()
    assert sorted(shop.files("silver")) == ["2026-05-04", "2026-05-05"]


def test_wide_rows_are_refined_in_smaller_groups_with_the_same_result(tmp_path: Path) -> None:
    """250,000 rows of a number are nothing, and of a page of text they are 20 GB."""
    rows = [row for n, day in enumerate(DAYS) for row in wide_day(day, range(200 * n, 200 * n + 180))]
    found: dict[str, Any] = {}
    for size in ("4GB", "700MB"):
        shop = Shop(tmp_path / size, source=NOTES, memory=size)
        shop.drop("days.csv", *rows)
        land_all(shop.ws, "sales", "wide")
        found[size] = len(refine.plan(shop.ws, "sales", "wide").groups)
        refine_all(shop.ws, "sales", "wide")
        found[f"rows at {size}"] = shop.rows("silver").select(pl.exclude("^_.*$"))
    assert (found["4GB"], found["700MB"]) == (1, 2)
    assert found["rows at 4GB"].equals(found["rows at 700MB"])


@pytest.mark.parametrize("keys_at_once", [1, 7, 1_000])
def test_days_that_share_a_key_are_found_however_few_keys_fit(tmp_path: Path, keys_at_once: int) -> None:
    """A first landing of years has more keys than fit, and an order in two days at once is counted twice."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales("2026-05-04", range(20)), *day_of_sales("2026-05-05", range(15, 30)))
    shop.drop("b.csv", *day_of_sales("2026-05-06", range(30, 40)), *day_of_sales("2026-05-07", range(39, 50)))
    land_all(shop.ws, "sales", "first")
    contract, bronze = shop.ws.catalog.source("sales"), shop.snapshot("bronze")
    days = {"2026-05-04", "2026-05-05", "2026-05-06", "2026-05-07"}
    found, together = moved.closed(contract, bronze, (), days, withdrawn=False, keys_at_once=keys_at_once)
    assert found == days
    assert sorted(sorted(group) for group in together) == [
        ["2026-05-04", "2026-05-05"],
        ["2026-05-06", "2026-05-07"],
    ]
