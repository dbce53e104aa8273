"""The generator: the same world every time, and every fault where it says it is."""

from __future__ import annotations

import csv
import zlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from catalog.world import story
from catalog.world.arrivals import arrive, drop_files
from catalog.world.chance import Chance
from catalog.world.drop import Drop
from catalog.world.faults import SOURCES, Fault, Kind
from catalog.world.generate import ONLINE, ORDERS, TILLS, ZONE, Day, generate_day
from tests.support.world import turanmart

DAY = date(2026, 5, 1)
ACCEPTED = {Kind.DUPLICATES, Kind.EQUAL_TIMESTAMPS, Kind.LATE_ROWS, Kind.UNKNOWN_STORE, Kind.WRONG_TOTALS}
GAMMA, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


def split_mix(counter: int, start: int) -> int:
    """SplitMix64 as published, in plain integers."""
    z = ((counter + 1) * GAMMA + start) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def frames(day: Day) -> dict[str, pl.DataFrame]:
    return {
        ORDERS: day.store_orders,
        TILLS: day.till_files,
        ONLINE: day.online_orders,
        "inventory": day.inventory,
    }


def test_the_draws_are_split_mix_64_and_nothing_that_a_release_could_change() -> None:
    """Golden files rest on these numbers; a library's own generator may change its stream."""
    drawn = pl.select(row=pl.int_range(4)).select(Chance(0, "table").bits("name")).to_series().to_list()
    start = zlib.crc32(b"table/name") * GAMMA
    assert drawn == [split_mix(n, start) for n in range(4)]


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    """A failure must be repeatable on any machine."""
    first, again, other = generate_day(DAY, 400, 7), generate_day(DAY, 400, 7), generate_day(DAY, 400, 8)
    for name, frame in frames(first).items():
        assert_frame_equal(frame, frames(again)[name])
        assert not frame.equals(frames(other)[name])


def test_a_day_has_the_size_asked_for_and_falls_on_that_local_day() -> None:
    """A generator that leaks into the neighbouring day would make every expected number wrong."""
    day = generate_day(DAY, 1000, 7)
    assert [frame.height for frame in (day.store_orders, day.till_files, day.online_orders)] == [600, 150, 250]
    for frame, at in ((day.store_orders, "ordered_at"), (day.till_files, "sold_at"), (day.online_orders, "ordered_at")):
        assert {instant.astimezone(ZONE).date() for instant in frame[at]} == {DAY}


def test_true_rows_have_the_types_of_their_contract_and_add_up() -> None:
    """The truth must be beyond doubt: each total is its goods less the discount, to the cent."""
    for name, frame in frames(generate_day(DAY, 1000, 7)).items():
        columns = turanmart().source(name).columns
        assert dict(frame.schema) == {each: column.parsed.polars() for each, column in columns.items()}
        if name != "inventory":
            assert frame.filter(pl.col("items_total") - pl.col("discount_total") != pl.col("order_total")).is_empty()
            assert frame["order_total"].min() >= Decimal(0)
            key = turanmart().source(name).key[0]
            assert frame[key].n_unique() == frame.height


@pytest.mark.parametrize("source", [ORDERS, ONLINE])
def test_faulty_rows_are_added_and_the_true_ones_all_arrive(source: str) -> None:
    """Spoiling a true row would hide a real loss behind a declared one."""
    day = generate_day(DAY, 400, 7)
    good = frames(day)[source]
    faults = [Fault(kind, source, 2) for kind in Kind if source in SOURCES[kind]]
    arrival = arrive(source, DAY, good, faults)
    true_keys = set(good["order_id"].cast(pl.String))
    assert true_keys <= set(arrival.rows["order_id"])
    quarantined = [each for each in arrival.declared if each.outcome == "quarantined"]
    superseded = [each for each in arrival.declared if each.outcome == "superseded"]
    assert arrival.rows.height == good.height + len(quarantined) + len(superseded)
    assert not {each.key for each in quarantined} & true_keys
    assert {each.key for each in superseded} <= true_keys
    assert all(each.reason for each in quarantined)


def test_every_declared_till_fault_is_on_the_line_it_names(tmp_path: Path) -> None:
    """Quarantine is checked against these places; a wrong one would blame the pipeline."""
    good = generate_day(DAY, 800, 7).till_files
    drop = Drop(tmp_path)
    declared = drop_files(drop, DAY, good, [Fault(kind, TILLS, 2) for kind in Kind if TILLS in SOURCES[kind]])
    lines = {path.name: path.read_bytes().split(b"\n") for path in tmp_path.iterdir()}
    for each in declared:
        assert each.origin in lines
        if each.line is None:
            assert each.kind in (Kind.MISSING_COLUMN, Kind.UNREADABLE_FILE)
            continue
        text = lines[each.origin][each.line - 1].decode()
        if each.kind == Kind.RAGGED_LINE:
            assert "battery low" in text
        else:
            assert next(csv.reader([text]))[0] == (each.key or "")
    assert {each.kind for each in declared} == {kind for kind in Kind if TILLS in SOURCES[kind]}


def test_every_receipt_is_in_the_file_of_its_store(tmp_path: Path) -> None:
    """The files together must be exactly the true receipts, or daily sales could never be right."""
    good = generate_day(DAY, 800, 7).till_files
    drop_files(Drop(tmp_path), DAY, good, [])
    found = []
    for path in sorted(tmp_path.iterdir()):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["store_id"].zfill(3) for row in rows} == {path.name.split("_")[1]}
        found += [(row["receipt_id"], Decimal(row["total"])) for row in rows]
    assert sorted(found) == sorted(good.select("receipt_id", "order_total").iter_rows())
    assert not list(tmp_path.glob("*.part"))


def test_a_fault_that_a_source_cannot_have_is_refused() -> None:
    """A misdeclared fault would never be found in quarantine, and the search for it would take a day."""
    with pytest.raises(ValueError, match="ragged line is not a fault of store_orders"):
        Fault(Kind.RAGGED_LINE, ORDERS)


def test_the_story_stays_under_every_reject_budget() -> None:
    """The demo's first day is meant to be published; one fault too many would turn it into a refusal."""
    sizes = {ORDERS: 1200, TILLS: 300, ONLINE: 500}
    for faults in (story.FIRST_DAY, story.SECOND_DAY):
        for source, rows in sizes.items():
            rejected = sum(each.rows for each in faults if each.source == source and each.kind not in ACCEPTED)
            assert rejected / rows < turanmart().source(source).reject_budget
