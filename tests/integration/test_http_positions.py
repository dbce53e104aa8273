"""What is new in an API: past a cursor, within an interval, or all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sluice.errors import Broken, Misconfigured
from sluice.model.facts import Plan, Position, Split
from sluice.model.interval import Calendar
from tests.support.api import Api
from tests.support.api_source import ids, landed, reading

SINCE: dict[str, Any] = {
    "path": "search",
    "records": "",
    "position": {"mode": "cursor", "column": "updated_at", "overlap": "1h"},
    "params": {"since": "{position}", "limit": 100},
}
BETWEEN: dict[str, Any] = {
    "path": "search",
    "records": "",
    "position": {"mode": "interval"},
    "event_time": "updated_at",
    "params": {"since": "{start}", "until": "{end}"},
}
UTC_DAYS = Calendar("day", "UTC")


@pytest.fixture
def api() -> Iterator[Api]:
    with Api(records=28) as running:  # number n was changed on May n+1, 10:00
        yield running


def test_the_first_read_leaves_the_position_out(api: Api) -> None:
    """There is no text that means `from the beginning` to every API."""
    assert ids(landed(reading(api.url, **SINCE))) == list(range(28))
    assert api.requests[0].query == {"limit": "100"}


def test_the_position_goes_out_less_the_overlap(api: Api) -> None:
    """Rows with the very same time as the last one seen, and those committed late, are read again."""
    position = Position("cursor", "2026-05-20T10:30:00.000000+00:00")
    assert ids(landed(reading(api.url, **SINCE), position)) == list(range(19, 28))
    assert api.requests[0].query["since"] == "2026-05-20T09:30:00Z"


def test_a_plan_by_cursor_leaves_the_new_position_to_whoever_lands_the_rows(api: Api) -> None:
    """No API can be asked for its highest value; a guess would skip rows."""
    plan = reading(api.url, **SINCE).plan(Position("cursor", "2026-05-20T10:30:00+00:00"), (), lambda u, v: False)
    assert plan.position == Position("cursor", None)
    assert [split.unit for split in plan.splits] == [None]


@pytest.mark.parametrize(
    ("column", "value", "sent"),
    [
        ("id", "20260501", "20260501"),
        ("on", "2026-05-01", "2026-04-30"),
        ("updated_at", "2026-05-01", "2026-04-30T00:00:00Z"),
    ],
)
def test_a_position_is_said_as_its_column_s_type(api: Api, column: str, value: str, sent: str) -> None:
    """20260501 in an integer column is a number, though it reads as a date."""
    columns = {"id": {"type": "int64"}, "on": {"type": "date"}, "updated_at": {"type": "timestamp"}}
    position = {"mode": "cursor", "column": column, "overlap": "1d"}
    connector = reading(api.url, **SINCE | {"columns": columns, "position": position})
    (split,) = connector.plan(Position("cursor", value), (), lambda u, v: False).splits
    assert split.spec["params"]["since"] == sent


def test_each_wanted_interval_is_its_own_unit(api: Api) -> None:
    """What is landed for an interval replaces what was landed for it before, and nothing else."""
    want = tuple(UTC_DAYS.parse_range("2026-05-03..2026-05-05"))
    connector = reading(api.url, **BETWEEN)
    plan = connector.plan(None, want, lambda unit, version: False)
    assert [split.unit for split in plan.splits] == ["2026-05-03", "2026-05-04", "2026-05-05"]
    assert [ids(frame) for split in plan.splits for frame in connector.read(split)] == [[2], [3], [4]]
    assert plan.position == Position("interval", "2026-05-06T00:00:00.000000+00:00")


def test_an_interval_position_is_never_past_now_and_never_goes_back(api: Api) -> None:
    """An interval that has not ended is read as far as it is there."""
    connector = reading(api.url, **BETWEEN)
    today = (UTC_DAYS.parse("2026-05-20"),)
    assert connector.plan(None, today, lambda u, v: False).position == Position(
        "interval", "2026-05-20T12:00:00.000000+00:00"
    )
    later = Position("interval", "2026-05-21T00:00:00.000000+00:00")
    assert connector.plan(later, today, lambda u, v: False).position == later
    assert connector.plan(later, (), lambda u, v: False) == Plan((), later)


def test_a_local_day_is_said_in_local_time(api: Api) -> None:
    """A Tashkent day begins at 19:00 UTC of the day before: {start:%Y-%m-%d} must still be the label."""
    params = {"since": "{start}", "day": "{start:%Y-%m-%d}", "until": "{end}"}
    connector = reading(api.url, **BETWEEN | {"timezone": "Asia/Tashkent", "params": params})
    day = Calendar("day", "Asia/Tashkent").parse("2026-05-02")
    (split,) = connector.plan(None, (day,), lambda u, v: False).splits
    assert split.spec["params"] == {
        "since": "2026-05-01T19:00:00Z",
        "day": "2026-05-02",
        "until": "2026-05-02T19:00:00Z",
    }


def test_a_split_survives_the_way_through_json(api: Api) -> None:
    """A split is read on another worker, from what Prefect stored of it."""
    connector = reading(api.url, **BETWEEN)
    (split,) = connector.plan(None, (UTC_DAYS.parse("2026-05-03"),), lambda u, v: False).splits
    again = Split.from_dict(json.loads(json.dumps(split.as_dict())))
    assert ids(next(connector.read(again))) == [2]


def test_an_interval_source_that_does_not_ask_by_time_is_refused(api: Api) -> None:
    """Every interval would get all rows, each replacing its day by everything."""
    with pytest.raises(Misconfigured, match=r"\{start\}"):
        reading(api.url, **BETWEEN | {"params": {}})


def test_a_param_that_the_mode_does_not_know_is_refused(api: Api) -> None:
    """{start} in mode cursor would go out as it stands."""
    with pytest.raises(Misconfigured, match=r"params\.since has \{start\}"):
        landed(reading(api.url, **SINCE | {"params": {"since": "{start}"}}))


def test_a_missing_column_stops_the_read(api: Api) -> None:
    """A renamed field is the owner's to mend, not a column of nulls."""
    columns = {"updated": {"type": "timestamp", "nullable": False}}
    with pytest.raises(Broken, match="nearest key is 'updated_at'") as caught:
        landed(reading(api.url, columns=columns))
    assert caught.value.code == "contract.missing_column"


def test_the_probe_shows_rows_with_one_request(api: Api) -> None:
    """`sluice probe` must be cheap, and must work before anything is landed."""
    assert reading(api.url, **SINCE).probe(5).height == 5
    assert reading(api.url, **BETWEEN).probe()["updated_at"].to_list() == ["2026-05-19T10:00:00.000001Z"]
    assert len(api.requests) == 2


@pytest.mark.parametrize("url", ["ftp://files.test", "api.test/v1", "https://me:canary@api.test"])
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(url: str) -> None:
    """Addresses come from settings, and a password in one must not come out again."""
    with pytest.raises(Misconfigured) as caught:
        reading(url, base_url=None, connection="shop_api")
    assert caught.value.code == "settings.connection"
    assert "canary" not in str(caught.value)
