"""TuranMart's servers: what they show is the truth plus what was declared, row for row."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from catalog.world import story
from catalog.world.faults import Fault, Kind
from catalog.world.generate import ONLINE, ORDERS, TILLS
from catalog.world.shop_api import PATH
from catalog.world.world import World

TABLES = {ORDERS: "store_orders", TILLS: "till_files", ONLINE: "online_orders"}


@pytest.fixture
def world() -> Iterator[World]:
    # Not tmp_path: pytest's folders are closed to others, and as root in a container the server runs as `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="turanmart-"))
    folder.chmod(0o755)
    try:
        with story.begin(folder) as world:
            yield world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask(world: World, **query: Any) -> httpx.Response:
    token = world.environment["SLUICE_SECRETS__SHOP_TOKEN"]
    return httpx.get(world.shop.url + PATH, params=query, headers={"Authorization": f"Bearer {token}"})


def totals_differ(world: World, day: date) -> int:
    """True rows of the database's day whose total is not that of their goods."""
    with world.database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM public.orders WHERE order_total <> items_total - discount_total "
            "AND order_id %% 10000000 < 8500000 AND (ordered_at AT TIME ZONE 'Asia/Tashkent')::date = %s",
            (day,),
        )
        (rows,) = cursor.fetchone()
    return int(rows)


def test_the_sources_show_the_true_rows_and_the_declared_ones_and_no_others(world: World) -> None:
    """Conservation is checked against this ledger, so it must be counted at the sources and add up."""
    world.add_day(story.FIRST, *story.FIRST_DAY)
    added = Counter(each.source for each in world.declared if each.outcome in ("quarantined", "superseded"))
    ledger = world.ledger()
    for source, table in TABLES.items():
        true = getattr(world.truth.day(story.FIRST), table).height
        assert ledger[source] == {story.FIRST: true + added[source]}
    assert ledger["stores"] == {None: 40}
    assert ledger["inventory"] == {story.FIRST: 1200}


def test_a_broken_day_is_wrong_only_in_its_totals_and_can_be_mended(world: World) -> None:
    """The refusal in the demo must be undone by the source alone, or the story would cheat."""
    world.add_day(story.FIRST)
    assert totals_differ(world, story.FIRST) == 0
    broken = world.break_day(story.FIRST)
    assert broken == totals_differ(world, story.FIRST) > 600
    before = world.database.latest_order()
    assert world.mend_day(story.FIRST) == broken
    assert totals_differ(world, story.FIRST) == 0
    after = world.database.latest_order()
    assert before is not None
    assert after is not None
    assert after > before  # a cursor that has read the wrong rows must come past the right ones


def test_late_rows_are_seen_after_everything_else_and_counted_on_their_own_day(world: World) -> None:
    """A late row that hides behind the readers' position would be lost for ever."""
    world.add_day(story.FIRST)
    before = world.database.latest_order()
    orders = sum(row["order_count"] for row in world.expected(story.FIRST))
    world.add_late_rows(story.FIRST, 3)
    after = world.database.latest_order()
    assert before is not None
    assert after is not None
    assert after > before
    assert sum(row["order_count"] for row in world.expected(story.FIRST)) == orders + 3
    assert world.ledger()[ORDERS] == {story.FIRST: 1203}


def test_the_shop_pages_through_every_order_once(world: World) -> None:
    """A page that repeats or skips an order would be blamed on the connector."""
    world.add_day(story.FIRST, Fault(Kind.EQUAL_TIMESTAMPS, ONLINE, 400))
    found: list[str] = []
    for page in range(1, 5):
        answer = ask(world, page=page, per_page=150).json()
        assert answer["total"] == 500
        found += [order["id"] for order in answer["orders"]]
    assert len(found) == len(set(found)) == 500
    since = "2026-05-01T12:00:00.000000+00:00"
    later = world.shop.orders().filter(pl.col("updated_at") >= since).height
    assert 0 < later < 500
    assert ask(world, updated_since=since).json()["total"] == later


def test_the_shop_has_bad_moods(world: World) -> None:
    """Throttling, maintenance and a wrong token are what the connector is tried with."""
    world.shop.throttle(times=1, retry_after=7)
    throttled = ask(world)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
    assert ask(world).json() == {"page": 1, "per_page": 100, "total": 0, "orders": []}
    world.shop.down = True
    assert ask(world).status_code == 503
    world.shop.down = False
    assert httpx.get(world.shop.url + PATH).status_code == 401
    assert ask(world, page=0).status_code == 400
    assert httpx.get(world.shop.url + "/", headers={"Authorization": f"Bearer {world.shop.token}"}).status_code == 404


def test_the_story_can_be_told(world: World) -> None:
    """Every act names a command, and the world's part of each can be played in order."""
    for act in story.acts(world):
        if act.before:
            act.before()
    assert world.days == [story.FIRST, story.SECOND]
    assert totals_differ(world, story.SECOND) == 0
    assert [act.exit_code for act in story.acts(world)].count(3) == 2  # the refusal, and the answer that says so
