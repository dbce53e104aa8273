"""Every declared fault, read by the real connectors and sieved: in quarantine, with its rule and its place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from catalog.world import story
from catalog.world.faults import SOURCES, Declared, Fault, Kind
from catalog.world.generate import ONLINE, ORDERS, TILLS
from catalog.world.world import World
from sluice.model.interval import Calendar
from sluice.quality.sieve import Sieved, sieve
from sluice.sources.base import Reach, connect
from sluice.steps import landing
from tests.support.world import turanmart

TABLES = {ORDERS: "store_orders", TILLS: "till_files", ONLINE: "online_orders", "inventory": "inventory"}
EVERY_FAULT = [
    Fault(kind, source, 2)
    for kind in Kind
    for source in SOURCES[kind]
    if kind not in (Kind.LATE_ROWS, Kind.WRONG_TOTALS)
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    # Not tmp_path: pytest's folders are closed to others, and as root in a container the server runs as `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="turanmart-"))
    folder.chmod(0o755)
    try:
        with story.begin(folder) as world:
            world.add_day(story.FIRST, *EVERY_FAULT)
            yield world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sieved(world: World, name: str) -> tuple[pl.DataFrame, Sieved]:
    """The source's rows as they land, and what refining makes of them."""
    source, environment = turanmart().source(name), world.environment
    reach = Reach(
        address=lambda connection: environment[f"SLUICE_CONNECTIONS__{connection.upper()}"],
        secret=lambda secret: environment[f"SLUICE_SECRETS__{secret.upper()}"],
    )
    connector = connect(source, reach)
    want = tuple(Calendar("day", source.timezone).parse_range(str(story.FIRST)))
    splits = connector.plan(None, want, lambda unit, version: False).splits
    landed = pl.concat([frame for split in splits for frame in connector.read(split)], how="diagonal")
    bronze, _ = landing.conform(landed, source, "batch", datetime.now(UTC))
    return bronze, sieve(bronze, source)


def is_there(declared: Declared, rows: pl.DataFrame, key: str) -> bool:
    """With its reason, under its key, from its file or page, and on its line."""
    found = rows.filter(pl.col("_reasons").list.contains(declared.reason))
    if declared.key is not None:
        found = found.filter(pl.col(key) == declared.key)
    if declared.line is not None:
        found = found.filter(pl.col("_line") == declared.line)
    return found.filter(pl.col("_origin").str.contains(declared.origin or "", literal=True)).height > 0


@pytest.mark.parametrize("source", [ORDERS, ONLINE, TILLS])
def test_every_declared_fault_is_in_quarantine_with_its_rule_and_place(world: World, source: str) -> None:
    """What people are shown of a rejected row must lead them to it."""
    _, result = sieved(world, source)
    declared = [each for each in world.declared if each.source == source and each.outcome == "quarantined"]
    key = turanmart().source(source).key[0]
    assert [each for each in declared if not is_there(each, result.quarantine, key)] == []
    assert result.quarantine.height == len(declared)


@pytest.mark.parametrize("source", [ORDERS, ONLINE, TILLS, "inventory"])
def test_every_true_row_comes_through_and_the_rows_add_up(world: World, source: str) -> None:
    """Rows in = silver + quarantine + superseded, counted at the source and not by the pipeline."""
    bronze, result = sieved(world, source)
    true = getattr(world.truth.day(story.FIRST), TABLES[source])
    key = turanmart().source(source).key
    assert result.silver.select(key).sort(key).equals(true.select(key).sort(key))
    assert bronze.height == sum(world.ledger()[source].values())
    assert bronze.height == result.silver.height + result.quarantine.height + result.superseded.height
