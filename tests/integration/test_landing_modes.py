"""What is new, by cursor, by interval and whole: from a real API to silver, nothing twice and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sluice.steps import land
from tests.support.api import Api
from tests.support.invariants import violations
from tests.support.pipeline import Shop

MON, TUE, WED = "2026-05-04", "2026-05-05", "2026-05-06"
SOURCE = """\
    source: sales
    description: Orders of a small shop, from its API.
    owner: shop
    kind: http
    base_url: URL
    path: PATH
    params: PARAMS
    position: POSITION
    records: RECORDS
    private_hosts: true
    limits: {concurrency: 8}
    retry: {attempts: 2, first: 10ms}
    event_time: sold_at
    timezone: Asia/Tashkent
    key: [id]
    latest_by: updated_at
    reject_budget: 100%
    columns:
      id:         {type: int64, nullable: false}
      sold_at:    {type: timestamp, nullable: false}
      updated_at: {type: KIND}
      amount:     {type: "decimal(12,2)", nullable: false}
      tags:       {type: array(string)}
"""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as api:
        yield api


def order(id_: int, day: str, at: str | None = None, amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """An order sold at noon of a day, and last touched `at`."""
    touched = at if at is not None else f"{day}T07:00:00.000001Z"
    return {"id": id_, "sold_at": f"{day}T07:00:00Z", "updated_at": touched, "amount": amount, "tags": ["a"], **more}


def shop_of(
    folder: Path, api: Api, position: str, *, path: str = "search", params: str = "{}", kind: str = "timestamp"
) -> Shop:
    records = "data.items" if path == "single" else '""'
    text = SOURCE
    for word, value in {
        "URL": api.url, "PATH": path, "PARAMS": params, "POSITION": position, "RECORDS": records, "KIND": kind
    }.items():  # fmt: skip
        text = text.replace(word, value)
    return Shop(folder, source=text)


def by_cursor(folder: Path, api: Api, overlap: str = "", **more: str) -> Shop:
    back = f", overlap: {overlap}" if overlap else ""
    return shop_of(
        folder, api, f"{{mode: cursor, column: updated_at{back}}}", **{"params": '{since: "{position}"}', **more}
    )


def by_interval(folder: Path, api: Api) -> Shop:
    return shop_of(folder, api, "{mode: interval}", params='{since: "{start}", until: "{end}"}')


def position(shop: Shop) -> str | None:
    found = land.position_of(shop.snapshot("bronze"))
    assert found is not None
    return found.value


def sound(shop: Shop) -> bool:
    assert violations(shop.root / "lake") == []
    return True


@pytest.mark.parametrize("overlap", ["", "15m", "2d"])
def test_what_the_cursor_reads_again_is_not_landed_again(tmp_path: Path, api: Api, overlap: str) -> None:
    """The overlap exists to be read again every night; landed again, bronze would double in a month."""
    shop = by_cursor(tmp_path, api, overlap)
    api.records = [order(1, MON), order(2, MON), order(3, TUE)]
    first, _ = shop.ingest()
    again, refined = shop.ingest()
    assert (first.rows, again.rows, again.unchanged, refined.version) == (3, 0, True, None)
    assert again.known >= 1
    api.records.append(order(4, WED))
    third, refined = shop.ingest()
    assert (third.rows, refined.changed) == (1, (WED,))
    assert sorted(shop.silver()) == [1, 2, 3, 4]
    assert position(shop) == f"{WED}T07:00:00.000001+00:00"
    assert sound(shop)


def test_a_row_with_the_very_time_of_the_position_is_found_later(tmp_path: Path, api: Api) -> None:
    """Two orders in one microsecond, and the second is committed a second later: past the position there is nothing."""
    shop = by_cursor(tmp_path, api)
    api.records = [order(1, MON, f"{TUE}T10:00:00.000001Z")]
    shop.ingest()
    api.records.append(order(2, MON, f"{TUE}T10:00:00.000001Z"))
    landed, _ = shop.ingest()
    assert (landed.rows, landed.known) == (1, 1)
    assert sorted(shop.silver()) == [1, 2]
    assert sound(shop)


def test_a_row_committed_late_is_found_within_the_overlap(tmp_path: Path, api: Api) -> None:
    """Commit order is not timestamp order: a long transaction brings rows behind the position."""
    shop = by_cursor(tmp_path, api, "1h")
    api.records = [order(1, MON, f"{TUE}T10:00:00.000001Z")]
    shop.ingest()
    api.records.append(order(2, MON, f"{TUE}T09:30:00.000001Z"))
    landed, refined = shop.ingest()
    assert (landed.rows, refined.changed) == (1, (MON,))
    assert position(shop) == f"{TUE}T10:00:00.000001+00:00"
    assert sound(shop)


def test_an_update_of_an_old_day_refines_that_day_only(tmp_path: Path, api: Api) -> None:
    """The refund of Monday's order, on Wednesday: Tuesday's files stay as they are."""
    shop = by_cursor(tmp_path, api)
    api.records = [order(1, MON), order(2, TUE), order(3, WED)]
    shop.ingest()
    before = shop.files("silver")
    api.records[0] = order(1, MON, f"{WED}T12:00:00.000001Z", "0.00")
    landed, refined = shop.ingest()
    assert (landed.rows, refined.changed) == (1, (MON,))
    assert shop.silver()[1] == (MON, "0.00")
    assert {day: shop.files("silver")[day] for day in (TUE, WED)} == {day: before[day] for day in (TUE, WED)}
    assert sound(shop)


def test_a_source_that_sends_everything_each_time_is_still_landed_once(tmp_path: Path, api: Api) -> None:
    """An API that ignores the position sent the whole table every night, and the whole table was landed."""
    shop = by_cursor(tmp_path, api, path="single")
    api.records = [order(1, MON), order(2, TUE), order(3, WED), {**order(4, MON), "updated_at": None}]
    shop.ingest()
    again, _ = shop.ingest()
    assert (again.rows, again.known) == (0, 4)
    api.records.append(order(5, MON))
    landed, refined = shop.ingest()
    assert (landed.rows, landed.known, refined.changed) == (1, 4, (MON,))
    assert sorted(shop.silver()) == [1, 2, 3, 4, 5]
    assert sound(shop)


def test_a_time_in_the_future_lands_and_does_not_move_the_position(tmp_path: Path, api: Api) -> None:
    """A clock set to 2999 in one shop would stop the whole source for a thousand years."""
    shop = by_cursor(tmp_path, api)
    api.records = [order(1, MON), order(2, MON, "2999-12-31T00:00:00.000001Z")]
    shop.ingest()
    assert position(shop) == f"{MON}T07:00:00.000001+00:00"
    api.records.append(order(3, TUE))
    landed, _ = shop.ingest()
    assert (landed.rows, landed.known) == (1, 2)
    assert sorted(shop.silver()) == [1, 2, 3]
    assert sound(shop)


def test_the_present_is_the_workspaces_own(tmp_path: Path, api: Api) -> None:
    """A replay pretends another day; by the machine's clock every row of it lay in the future, or none did."""
    shop = by_cursor(tmp_path, api)
    api.records = [order(1, MON), order(2, WED)]
    shop.now = shop.now.replace(month=5, day=5)
    shop.ingest()
    assert position(shop) == f"{MON}T07:00:00.000001+00:00"
    shop.now += timedelta(days=2)
    api.records.append(order(3, WED, f"{WED}T08:00:00.000001Z"))
    shop.ingest()
    assert position(shop) == f"{WED}T08:00:00.000001+00:00"
    assert sorted(shop.silver()) == [1, 2, 3]
    assert sound(shop)


def test_a_number_is_a_position_however_large_it_is(tmp_path: Path, api: Api) -> None:
    """Snowflake ids are larger than today in microseconds; taken for a time, they lay in the future for ever."""
    shop = by_cursor(tmp_path, api, "1h", path="single", kind="int64")
    api.records = [order(1, MON, "1500000000000000001"), order(2, MON, "1900000000000000002")]
    shop.ingest()
    assert position(shop) == "1900000000000000002"
    again, _ = shop.ingest()
    assert (again.rows, again.known) == (0, 2)
    assert sound(shop)


def test_days_as_a_cursor_with_an_overlap_shorter_than_a_day_land_once(tmp_path: Path, api: Api) -> None:
    """Five minutes before a day is the day before: its rows were read each night and known to nobody."""
    shop = by_cursor(tmp_path, api, "5m", kind="date")
    api.records = [order(1, MON, MON), order(2, TUE, TUE)]
    shop.ingest()
    for _ in range(2):
        again, _ = shop.ingest()
        assert again.rows == 0
    assert sound(shop)


def test_an_interval_pulled_again_lands_only_what_changed(tmp_path: Path, api: Api) -> None:
    """Re-running a day must be free when the source has not moved, and complete when it has."""
    shop = by_interval(tmp_path, api)
    days = list(shop.ws.catalog.product("takings").calendar.parse_range(f"{MON}..{TUE}"))
    api.records = [order(1, MON), order(2, MON), order(3, TUE)]
    first, _ = shop.ingest(days)
    before = shop.files("bronze")
    again, refined = shop.ingest(days)
    assert (first.rows, again.rows, refined.version) == (3, 0, None)
    assert shop.files("bronze") == before
    api.records = [order(1, MON, amount="11.00"), order(3, TUE)]
    _, refined = shop.ingest(days)
    assert refined.changed == (MON,)
    assert shop.silver() == {1: (MON, "11.00"), 3: (TUE, "10.00")}
    assert sound(shop)


def test_an_interval_that_is_empty_now_takes_its_rows_away(tmp_path: Path, api: Api) -> None:
    """The source deleted the day; silver must not keep what is nowhere any more."""
    shop = by_interval(tmp_path, api)
    days = list(shop.ws.catalog.product("takings").calendar.parse_range(f"{MON}..{TUE}"))
    api.records = [order(1, MON), order(3, TUE)]
    shop.ingest(days)
    api.records = [order(3, TUE)]
    _, refined = shop.ingest(days[:1])
    assert refined.changed == (MON,)
    assert sorted(shop.silver()) == [3]
    assert sound(shop)


def test_an_older_interval_does_not_move_the_position_back(tmp_path: Path, api: Api) -> None:
    """A backfill of last week must not make the next night read this week again, or believe that it is missing."""
    shop = by_interval(tmp_path, api)
    calendar = shop.ws.catalog.product("takings").calendar
    api.records = [order(1, MON), order(2, TUE), order(3, WED)]
    shop.ingest([calendar.parse(WED)])
    reached = position(shop)
    shop.ingest([calendar.parse(MON)])
    assert position(shop) == reached
    assert sorted(shop.silver()) == [1, 3]
    assert sound(shop)


def test_a_position_that_moves_without_rows_leaves_refining_nothing_to_do(tmp_path: Path, api: Api) -> None:
    """A quiet day is committed for its position alone; refining it used to fail for want of a column."""
    shop = by_interval(tmp_path, api)
    calendar = shop.ws.catalog.product("takings").calendar
    for day in (MON, TUE):
        landed, refined = shop.ingest([calendar.parse(day)])
        assert (landed.rows, landed.unchanged, refined.version) == (0, False, None)
    assert position(shop) == "2026-05-05T19:00:00.000000+00:00"
    api.records = [order(3, WED)]
    shop.ingest([calendar.parse(WED)])
    assert sorted(shop.silver()) == [3]
    assert sound(shop)


def test_an_unchanged_snapshot_is_not_landed_again_on_any_later_day(tmp_path: Path, api: Api) -> None:
    """A dimension is taken whole each night; most nights it is the same, also in another order."""
    shop = shop_of(tmp_path, api, "{mode: full}", path="single")
    api.records = [order(1, MON), order(2, TUE), order(3, TUE)]
    first, _ = shop.ingest()
    before = shop.files("bronze")
    api.records.reverse()
    shop.now += timedelta(days=3)
    again, refined = shop.ingest()
    assert (first.rows, again.rows, again.unchanged, refined.version) == (3, 0, True, None)
    assert shop.files("bronze") == before
    assert sound(shop)


def test_a_changed_snapshot_replaces_the_former_whole(tmp_path: Path, api: Api) -> None:
    """A store that closed is in no snapshot any more, and in silver neither."""
    shop = shop_of(tmp_path, api, "{mode: full}", path="single")
    api.records = [order(1, MON), order(2, TUE), order(3, TUE)]
    shop.ingest()
    api.records = [order(1, WED, amount="12.00"), order(3, TUE)]
    _, refined = shop.ingest()
    assert refined.changed == (MON, TUE, WED)
    assert shop.silver() == {1: (WED, "12.00"), 3: (TUE, "10.00")}
    assert sound(shop)


def test_an_array_that_is_none_rejects_one_row(tmp_path: Path, api: Api) -> None:
    """Polars' decoder stopped the batch at it."""
    shop = by_cursor(tmp_path, api)
    api.records = [order(1, MON), order(2, MON, tags="[broken")]
    _, refined = shop.ingest()
    assert sorted(shop.silver()) == [1]
    assert refined.reasons == {"type:tags": 1}
    assert sound(shop)


def test_a_source_that_fails_half_way_leaves_bronze_and_position_alone(tmp_path: Path, api: Api) -> None:
    """A position is moved by the rows that stand behind it, and by nothing else."""
    from sluice.errors import SluiceError
    from tests.support.api import status

    shop = by_cursor(tmp_path, api)
    api.records = [order(1, MON)]
    shop.ingest()
    version, reached = shop.snapshot("bronze").version, position(shop)
    api.records.append(order(2, TUE))
    api.every = status(500)
    with pytest.raises(SluiceError):
        shop.ingest()
    assert (shop.snapshot("bronze").version, position(shop)) == (version, reached)
    api.every = None
    shop.ingest()
    assert sorted(shop.silver()) == [1, 2]
    assert sound(shop)
