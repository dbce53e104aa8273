"""A source whose cursor is a date: how far it was read decides whether a quiet day is quiet or not there yet."""

from __future__ import annotations

from pathlib import Path

from tests.support.pipeline import PRODUCT, Shop, land_all, refine_all
from tests.support.postgres import Database

MON, TUE, WED, THU = "2026-05-04", "2026-05-05", "2026-05-06", "2026-05-07"
SOURCE = """\
    source: sales
    description: Sales of a small shop, dated and not timed.
    owner: shop
    kind: postgres
    connection: tills
    relation: sales
    position: {mode: cursor, column: sold_at}
    event_time: sold_at
    timezone: Asia/Tashkent
    columns:
      id:      {type: int64, nullable: false}
      sold_at: {type: date, nullable: false}
      amount:  {type: "decimal(12,2)", nullable: false}
"""
TRANSFORM = """\
    import polars as pl

    def takings(sales):
        revenue = pl.col("amount").sum().cast(pl.Decimal(18, 2))
        return sales.group_by(sold_on="sold_at").agg(sold=pl.len().cast(pl.Int64), revenue=revenue)
"""


def test_a_quiet_day_before_the_cursors_day_is_read_and_one_after_it_is_awaited(
    tmp_path: Path, database: Database
) -> None:
    """A date has no zone: comparing it with the end of a day stopped the whole plan with a TypeError."""
    database.run("CREATE TABLE sales (id bigint, sold_at date, amount numeric(12,2))")
    database.run(f"INSERT INTO sales VALUES (1, '{MON}', 10), (2, '{WED}', 20)")
    product = PRODUCT.replace("with: {min_value: 1}", "with: {min_value: 0}")
    shop = Shop(tmp_path, source=SOURCE, product=product, transform=TRANSFORM, address=database.dsn)
    done = shop.refresh(f"{MON}..{THU}")
    assert done.outcomes[MON] == done.outcomes[WED] == "published"
    assert (done.outcomes[THU], done.errors[THU]["code"]) == ("failed", "input.missing")
    assert done.errors.get(TUE, {}).get("code") != "input.missing"
    assert shop.gold() == {MON: (1, "10.00"), WED: (1, "20.00")}


def test_rows_that_are_landed_and_not_refined_are_awaited_and_not_taken_for_none(
    tmp_path: Path, database: Database
) -> None:
    """Bronze says how far the source was read before silver has its rows: another run is between the two, or was killed
    there. A day came out as one without sales, though its sales were in the lake."""
    database.run("CREATE TABLE sales (id bigint, sold_at date, amount numeric(12,2))")
    database.run(f"INSERT INTO sales VALUES (1, '{MON}', 10)")
    product = PRODUCT.replace("with: {min_value: 1}", "with: {min_value: 0}")
    shop = Shop(tmp_path, source=SOURCE, product=product, transform=TRANSFORM, address=database.dsn)
    shop.refresh(MON)
    database.run(f"INSERT INTO sales VALUES (2, '{TUE}', 20), (3, '{THU}', 30)")
    land_all(shop.ws, "sales", "killed")
    early = shop.refresh(TUE, ingesting=False)
    assert (early.outcomes[TUE], early.errors[TUE]["code"]) == ("failed", "input.missing")
    assert shop.gold() == {MON: (1, "10.00")}
    refine_all(shop.ws, "sales", "next")
    assert shop.refresh(TUE, ingesting=False).outcomes == {TUE: "published"}
    assert shop.gold() == {MON: (1, "10.00"), TUE: (1, "20.00")}
