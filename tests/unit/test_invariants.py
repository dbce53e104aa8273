"""The checker itself: it is silent over a sound lake and speaks of each fault; a blind one would pass every test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from sluice.lake.commit import commit
from tests.support import lake
from tests.support.invariants import violations
from tests.support.pipeline import Shop, day_of_sales, sale

MON = "2026-05-04"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2, 3, 4]), sale(5, f"{MON}T12:00:00", "x"))
    shop.ingest()
    assert violations(tmp_path / "lake") == []
    return shop


def _gap(shop: Shop) -> None:
    entry = lake.log_entry(shop.ws.silver("sales"), 1)
    entry.rename(entry.with_name(f"{7:020}.json"))


def _empty(shop: Shop) -> None:
    lake.log_entry(shop.ws.quarantine("sales"), 2).write_text("")


def _gone(shop: Shop) -> None:
    snapshot = shop.snapshot("silver")
    (Path(snapshot.table.uri) / snapshot.files()[0].path).unlink()


def _rewritten(shop: Shop) -> None:
    snapshot = shop.snapshot("silver")
    path = Path(snapshot.table.uri) / snapshot.files()[0].path
    pl.read_parquet(path, hive_partitioning=False).head(2).write_parquet(path)


def _bounds(shop: Shop) -> None:
    entry = lake.log_entry(shop.ws.bronze("sales"), 1)
    entry.write_text(entry.read_text().replace('\\"amount\\":\\"10.00\\"', '\\"amount\\":\\"1.00\\"'))


def _landed_twice(shop: Shop) -> None:
    bronze = shop.snapshot("bronze")
    name = bronze.files()[0].path.removesuffix(".parquet")
    rows = bronze.scan().collect()
    file = bronze.table.write(rows.select(bronze.schema.names()), f"{name}-again")
    commit(bronze.table, bronze.schema, run="again", add=[file], metadata={"kind": "land", "dates": {}})


def _never_refined(shop: Shop) -> None:
    from tests.support.pipeline import land_all

    shop.drop("more.csv", *day_of_sales(MON, [9]))
    land_all(shop.ws, "sales", "half")


def _position_back(shop: Shop) -> None:
    for number, value in enumerate(("2026-05-02T00:00:00+00:00", "2026-05-01T00:00:00+00:00")):
        said = {"kind": "land", "dates": {}, "position": {"mode": "cursor", "value": value}}
        bronze = shop.snapshot("bronze")
        commit(bronze.table, bronze.schema, run=f"r{number}", add=[], metadata=said)


def _same_run_twice(shop: Shop) -> None:
    bronze = shop.snapshot("bronze")
    for _ in range(2):
        commit(bronze.table, bronze.schema, run="same", add=[], metadata={"kind": "land", "dates": {}})


def _silver_short(shop: Shop) -> None:
    silver = shop.snapshot("silver")
    commit(silver.table, silver.schema, run="thief", add=[], remove=lambda s: s.files(), metadata={"kind": "other"},
           partition="_event_on")  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_gap, "I1"), (_empty, "I1"), (_gone, "I2"), (_rewritten, "I2"), (_bounds, "I2"), (_landed_twice, "I3"),
        (_silver_short, "I4"), (_position_back, "I6"), (_never_refined, "I8"), (_same_run_twice, "I8"),
    ],
)  # fmt: skip
def test_each_kind_of_damage_is_found(shop: Shop, damage: Callable[[Shop], None], says: str) -> None:
    """Every invariant is broken once, on purpose."""
    damage(shop)
    found = violations(shop.root / "lake")
    assert any(sentence.startswith(says) for sentence in found), found


def test_a_gold_partition_of_two_publications_is_found(tmp_path: Path) -> None:
    """I5: a mixture of an audited run and of one that nobody audited."""
    table = lake.table(tmp_path)
    said = {"kind": "publish", "intervals": {MON: {"rows": 1, "verdict": "passed"}}}
    for run in ("audited", "smuggled"):
        file = table.write(pl.DataFrame({"n": [1]}), f"c-u-{run}", {"_interval": MON})
        about = said if run == "audited" else {"kind": "other"}
        commit(table, pl.Schema({"n": pl.Int64, "_interval": pl.String}), run=run, add=[file], metadata=about,
               partition="_interval")  # fmt: skip
    assert [sentence[:2] for sentence in violations(tmp_path)] == ["I5"], json.dumps(violations(tmp_path))
