"""What is new in a PostgreSQL source: cursors, intervals, and the ranges they are cut into."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from sluice.model.facts import Position
from sluice.model.interval import Calendar
from tests.support.postgres import Database, Reading

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
COLUMNS = {"id": "int64", "at": "timestamp"}


def by_cursor(database: Database, kind: str = "timestamptz", **contract: Any) -> Reading:
    database.run(f"CREATE TABLE IF NOT EXISTS things (id bigint, at {kind})")
    position = {"mode": "cursor", "column": "at", **({} if kind == "bigint" else {"overlap": "5m"})}
    contract = {"columns": COLUMNS, "timezone": "Asia/Tashkent", "position": position, **contract}
    return Reading(database.dsn, contract.pop("columns"), now=NOW, **contract)


def ids(frame: pl.DataFrame) -> list[int]:
    return sorted(frame["id"].to_list()) if frame.width else []


def test_an_empty_relation_plans_nothing(database: Database) -> None:
    """No rows, no work, and a position that stays unknown."""
    plan = by_cursor(database).plan()
    assert (plan.splits, plan.position) == ((), Position("cursor"))


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_a_cursor_reads_what_is_new_and_stands_at_the_highest_value(database: Database, kind: str) -> None:
    """The position is exact to the microsecond, and the same for a local time as for an instant."""
    reading = by_cursor(database, kind)
    local = "2026-05-02 06:00:00.000123" if kind == "timestamp" else "2026-05-02 01:00:00.000123+00"
    database.run("INSERT INTO things VALUES (1, '2026-05-01 06:00+05'), (2, %s)", local)
    first = reading.plan()
    assert first.position == Position("cursor", "2026-05-02T01:00:00.000123+00:00")
    assert ids(reading.read(first.splits[0])) == [1, 2]
    database.run("INSERT INTO things VALUES (3, '2026-05-02 07:00+05')")
    second = reading.plan(first.position)
    assert second.position == Position("cursor", "2026-05-02T02:00:00.000000+00:00")
    assert ids(reading.read(second.splits[0])) == [2, 3]


def test_a_backdated_row_within_the_overlap_is_caught_though_nothing_else_is_new(database: Database) -> None:
    """Commit order is not timestamp order: a slow transaction commits below the position."""
    reading = by_cursor(database)
    database.run("INSERT INTO things VALUES (1, '2026-05-02 06:00+00')")
    position = reading.plan().position
    database.run("INSERT INTO things VALUES (2, '2026-05-02 05:56+00'), (3, '2026-05-02 05:54+00')")
    plan = reading.plan(position)
    assert plan.position == position
    assert ids(reading.all(position)) == [1, 2]


def test_equal_cursor_values_are_read_again_even_without_an_overlap(database: Database) -> None:
    """Two rows of one statement share a timestamp, and the second may be committed after the read."""
    reading = by_cursor(database, "bigint", columns={"id": "int64", "at": "int64"})
    database.run("INSERT INTO things VALUES (1, 7)")
    position = reading.plan().position
    assert position == Position("cursor", "7")
    database.run("INSERT INTO things VALUES (2, 7), (3, 6)")
    assert ids(reading.all(position)) == [1, 2]


def test_a_value_in_the_future_lands_but_never_moves_the_position(database: Database) -> None:
    """One 2999-12-31 as "no end date" would otherwise stop the source for a thousand years."""
    reading = by_cursor(database)
    database.run("INSERT INTO things VALUES (1, '2026-05-02 06:00+00'), (2, '2999-12-31'), (3, 'infinity')")
    plan = reading.plan()
    assert plan.position == Position("cursor", "2026-05-02T06:00:00.000000+00:00")
    assert [notice.kind for notice in plan.notices] == ["future_cursor"]
    assert ids(reading.all()) == [1, 2, 3]
    database.run("INSERT INTO things VALUES (4, '2026-05-02 07:00+00')")
    assert ids(reading.all(plan.position)) == [1, 2, 3, 4]


def test_only_future_values_leave_the_position_where_it_was(database: Database) -> None:
    """Not even when they are all there is."""
    reading = by_cursor(database)
    database.run("INSERT INTO things VALUES (2, '2999-12-31')")
    before = Position("cursor", "2026-05-01T00:00:00.000000+00:00")
    assert reading.plan(before).position == before
    assert reading.plan().position == Position("cursor")


def test_rows_without_a_cursor_are_read_and_told(database: Database) -> None:
    """`NULL > x` is never true: such rows would never arrive and nobody would know."""
    reading = by_cursor(database)
    database.run("INSERT INTO things VALUES (1, '2026-05-02 06:00+00'), (2, NULL)")
    position = reading.plan().position
    database.run("INSERT INTO things VALUES (3, NULL)")
    plan = reading.plan(position)
    assert [notice.kind for notice in plan.notices] == ["null_cursor"]
    assert "2 rows" in plan.notices[0].what
    assert ids(reading.all(position)) == [1, 2, 3]


def test_a_position_never_goes_back(database: Database) -> None:
    """Rows deleted at the source do not make the past new again."""
    reading = by_cursor(database)
    database.run("INSERT INTO things VALUES (1, '2026-05-01 06:00+00')")
    before = Position("cursor", "2026-05-01T06:02:00.000000+00:00")
    assert reading.plan(before).position == before


@pytest.mark.parametrize(
    ("ours", "position"), [("date", "2026-05-02"), ("timestamp", "2026-05-01T19:00:00.000000+00:00")]
)
def test_a_day_can_be_a_cursor_and_is_read_again_whole(database: Database, ours: str, position: str) -> None:
    """More rows of the same day come until it ends."""
    database.run("CREATE TABLE things AS SELECT g AS id, '2026-05-01'::date + g AS at FROM generate_series(0, 2) g")
    reading = by_cursor(database, "date", columns={"id": "int64", "at": ours})
    plan = reading.plan()
    assert plan.position == Position("cursor", position)  # noon UTC is still 2 May in Tashkent, so the 3rd is ahead
    assert [notice.kind for notice in plan.notices] == ["future_cursor"]
    database.run("INSERT INTO things VALUES (7, '2026-05-02'), (8, '2026-04-01')")
    assert ids(reading.all(plan.position)) == [0, 1, 2, 7]  # five minutes before a midnight is the day before


def test_a_query_gets_its_position_bound(database: Database) -> None:
    """The query can then use an index; before the first read the position is below everything."""
    reading = by_cursor(database, query="SELECT * FROM things WHERE at >= :position -- newest")
    database.run("INSERT INTO things VALUES (1, '2026-05-02 06:00+00'), (2, '2026-05-02 07:00+00')")
    plan = reading.plan()
    assert ids(reading.read(plan.splits[0])) == [1, 2]
    assert ids(reading.all(plan.position)) == [2]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_an_interval_is_half_open_in_the_contracts_zone(database: Database, kind: str) -> None:
    """Midnight in Tashkent is 19:00 UTC: an edge row must be in one day, and only one."""
    database.run(f"CREATE TABLE things (id bigint, at {kind})")
    edges = ["2026-05-01 23:59:59.999999", "2026-05-02 00:00:00", "2026-05-02 23:59:59.999999", "2026-05-03 00:00:00"]
    for number, edge in enumerate(edges):
        database.run(f"INSERT INTO things VALUES (%s, %s::{kind})", number, f"{edge}+05")
    database.run("INSERT INTO things VALUES (9, NULL)")
    days = Calendar("day", "Asia/Tashkent")
    reading = Reading(
        database.dsn,
        {"id": "int64", "at": "date" if kind == "date" else "timestamp"},
        now=NOW,
        position={"mode": "interval"},
        event_time="at",
        timezone="Asia/Tashkent",
    )
    plan = reading.plan(None, tuple(days.parse_range("2026-05-01..2026-05-04")))
    found = {split.unit: ids(reading.read(split)) for split in plan.splits}
    assert found == {"2026-05-01": [0], "2026-05-02": [1, 2], "2026-05-03": [3], "2026-05-04": []}
    assert [notice.kind for notice in plan.notices] == ["null_event_time"]
    assert plan.position == Position("interval", "2026-05-02T12:00:00.000000+00:00")


@pytest.mark.parametrize("unit", ["day", "hour"])
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_every_row_is_in_one_interval_when_the_clock_changes(database: Database, kind: str, unit: str) -> None:
    """On such a day an hour is missing or comes twice, and a local time has two meanings."""
    database.run(f"CREATE TABLE things (id bigint, at {kind})")
    zone = Calendar(unit, "Europe/Berlin")  # type: ignore[arg-type]
    want = tuple(zone.between(datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 26, 23, tzinfo=UTC)))
    series = f"generate_series('{want[0].start}'::timestamptz, '{want[-1].end - timedelta(minutes=1)}', '30 min')"
    local = "s" if kind == "timestamptz" else "(s AT TIME ZONE 'Europe/Berlin')"
    database.run(f"INSERT INTO things SELECT row_number() OVER (), {local}::{kind} FROM {series} s")
    reading = Reading(
        database.dsn,
        {"id": "int64", "at": "date" if kind == "date" else "timestamp"},
        position={"mode": "interval"},
        event_time="at",
        timezone="Europe/Berlin",
    )
    rows = ids(reading.all(want=want))
    assert rows == list(range(1, len(rows) + 1))
    assert len(rows) == database.run("SELECT count(*) FROM things")[0][0]
    if kind == "date":
        return
    for split, interval in zip(reading.plan(want=want).splits, want, strict=True):
        frame = reading.read(split)
        assert frame.height == 0 or (frame["at"].min() >= interval.start and frame["at"].max() < interval.end)


def test_a_source_without_any_row_replaces_nothing(database: Database) -> None:
    """A truncated table is more often an accident than the truth."""
    database.run("CREATE TABLE things (id bigint, at timestamptz)")
    reading = Reading(database.dsn, COLUMNS, position={"mode": "interval"}, event_time="at")
    plan = reading.plan(None, tuple(Calendar("day", "UTC").parse_range("2026-05-01..2026-05-02")))
    assert plan.splits == ()
    assert [notice.kind for notice in plan.notices] == ["empty_source"]


def test_a_query_gets_its_interval_bound(database: Database) -> None:
    """Bound as values; the connector cuts exactly by itself whatever the query does with them."""
    series = "SELECT g AS id, '2026-05-01'::timestamptz + g * interval '6 hours' AS at FROM generate_series(0, 11) g"
    database.run(f"CREATE TABLE things AS {series}")
    query = "SELECT id, at, ':start' AS note FROM things WHERE at >= :start AND at <= :end"
    reading = Reading(
        database.dsn, {**COLUMNS, "note": "string"}, query=query, position={"mode": "interval"}, event_time="at"
    )
    frame = reading.all(want=(Calendar("day", "UTC").parse("2026-05-02"),))
    assert ids(frame) == [4, 5, 6, 7]
    assert set(frame["note"]) == {":start"}


KEYS = {
    "dense": ("bigint", "SELECT g FROM generate_series(1, 20000) g"),
    "negative": ("integer", "SELECT g FROM generate_series(-10000, 10000) g"),
    "skewed": ("bigint", "SELECT g FROM generate_series(1, 20000) g UNION ALL SELECT 9223372036854775807"),
    "one value": ("bigint", "SELECT 7 FROM generate_series(1, 20000) g"),
    "with nulls": ("bigint", "SELECT nullif(g % 3, 0) * g FROM generate_series(1, 20000) g"),
    "text": ("text", "SELECT md5(g::text) || ' ''\" %s ü' FROM generate_series(1, 20000) g"),
    "date": ("date", "SELECT '2020-01-01'::date + (g % 900) FROM generate_series(1, 20000) g"),
    "instant": ("timestamptz", "SELECT now() - g * g * interval '1 s' FROM generate_series(1, 20000) g"),
    "uuid": ("uuid", "SELECT gen_random_uuid() FROM generate_series(1, 20000) g"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_splits_have_every_row_once_whatever_the_keys(database: Database, name: str) -> None:
    """Arithmetic between min and max gives one split with everything as soon as one key is far off."""
    kind, keys = KEYS[name]
    database.run(f"CREATE TABLE things AS SELECT row_number() OVER () AS id, k::{kind} AS k FROM ({keys}) AS s (k)")
    ours = {"bigint": "int64", "integer": "int32", "text": "string", "timestamptz": "timestamp"}.get(kind, kind)
    reading = Reading(database.dsn, {"id": "int64", "k": ours}, splits={"by": "k", "rows": 2000})
    plan = reading.plan()
    parts = [reading.read(split) for split in plan.splits]
    assert ids(pl.concat(part for part in parts if part.width)) == list(
        range(1, sum(part.height for part in parts) + 1)
    )
    assert sum(part.height for part in parts) == database.run("SELECT count(*) FROM things")[0][0]
    assert len({split.id for split in plan.splits}) == len(plan.splits)
    if name not in ("one value", "with nulls"):
        assert 8 <= len(parts) <= 11
        assert max(part.height for part in parts) < 2000 * 1.6
    if name != "uuid":
        assert reading.plan().splits == plan.splits


def test_a_row_that_comes_after_the_plan_is_in_a_split(database: Database) -> None:
    """The first and the last range are open-ended, and the first has the null keys."""
    database.run("CREATE TABLE things AS SELECT g AS id FROM generate_series(1, 1000) g")
    reading = Reading(database.dsn, {"id": "int64"}, splits={"by": "id", "rows": 200})
    plan = reading.plan()
    database.run("INSERT INTO things VALUES (-5), (5000), (NULL)")
    found = [value for split in plan.splits for value in reading.read(split)["id"]]
    assert sorted(found, key=lambda v: (v is None, v)) == [-5, *range(1, 1001), 5000, None]


def test_each_interval_is_cut_by_itself(database: Database) -> None:
    """All pieces of a day carry the day as their unit, so that they replace it together."""
    database.run(
        "CREATE TABLE things AS SELECT g AS id, '2026-05-01'::timestamptz + g * interval '1 minute' AS at "
        "FROM generate_series(0, 2879) g"
    )
    splits = {"by": "id", "rows": 500}
    reading = Reading(database.dsn, COLUMNS, position={"mode": "interval"}, event_time="at", splits=splits)
    plan = reading.plan(None, tuple(Calendar("day", "UTC").parse_range("2026-05-01..2026-05-02")))
    assert [split.unit for split in plan.splits] == ["2026-05-01"] * 3 + ["2026-05-02"] * 3
    for day, first in (("2026-05-01", 0), ("2026-05-02", 1440)):
        found = [value for split in plan.splits if split.unit == day for value in reading.read(split)["id"]]
        assert sorted(found) == list(range(first, first + 1440))


def test_a_split_gives_the_same_frames_each_time(database: Database) -> None:
    """A retried split must stage the same files, and an unchanged snapshot must be recognised as such."""
    database.run("CREATE TABLE things AS SELECT g AS id, repeat('x', 200) AS note FROM generate_series(1, 200000) g")
    reading = Reading(database.dsn, {"id": "int64", "note": "string"})
    (split,) = reading.plan().splits
    first, second = list(reading.connector.read(split)), list(reading.connector.read(split))
    assert len(first) > 1
    assert [frame.height for frame in first] == [frame.height for frame in second]
    assert all(one.equals(other) for one, other in zip(first, second, strict=True))


PEAK = """
import resource, sys
from tests.support.postgres import Reading
reading = Reading(sys.argv[1], {"id": "int64", "total": "decimal(12,2)", "at": "timestamp", "note": "string"})
rows = sum(frame.height for split in reading.plan().splits for frame in reading.connector.read(split))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_is_that_of_a_chunk_and_not_of_the_relation(database: Database) -> None:
    """Ten times the rows in one split, and the worker does not grow with them."""
    database.run(
        "CREATE TABLE things AS SELECT g::bigint AS id, (g % 100000) / 100.0::numeric(12,2) AS total, "
        "now() AS at, repeat(md5(g::text), 3) AS note FROM generate_series(1, 1500000) g"
    )
    database.run("CREATE VIEW small AS SELECT * FROM things LIMIT 150000")
    peaks = {}
    for relation, rows in (("small", 150_000), ("things", 1_500_000)):
        script = PEAK.replace("})\n", "}, relation=" + repr(relation) + ', splits={"rows": 10**9})\n', 1)
        output = subprocess.run(
            [sys.executable, "-c", script, database.dsn],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(["."])},
        ).stdout
        read, peaks[relation] = map(int, output.split())
        assert read == rows
    # 210 MB of CSV and as much again as frames; measured 155 and 234 MB
    assert peaks["things"] < peaks["small"] + 130, peaks
