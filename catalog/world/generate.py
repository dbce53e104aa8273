"""TuranMart's days, as frames: the truth, before anything goes wrong with it.

Each frame has the columns and types of its source's contract. The same day, size and seed give the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from catalog.world.chance import Chance

ZONE = ZoneInfo("Asia/Tashkent")
REGIONS = ["tashkent", "samarkand", "fergana", "bukhara", "khorezm", "karakalpakstan"]
LARGE_STORES = 28  # with a database
SMALL_STORES = 12  # with a till that uploads files
NEW_STORE = 41  # sells before it is on the list
SKUS = 200
STORE_SHARE, TILL_SHARE = 60, 15  # percent of a day's orders; the rest is the online shop's
MONEY = pl.Decimal(12, 2)
INSTANT = pl.Datetime("us", "UTC")
ORDERS = "store_orders"
ONLINE = "online_orders"
TILLS = "till_files"


@dataclass(frozen=True)
class Day:
    """What really happened on one day."""

    on: date
    store_orders: pl.DataFrame
    till_files: pl.DataFrame
    online_orders: pl.DataFrame
    inventory: pl.DataFrame


def local(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of a local day, in UTC."""
    return datetime.combine(day, time(hour, minute), ZONE).astimezone(ZoneInfo("UTC"))


def generate_day(day: date, orders: int, seed: int) -> Day:
    """A day of about `orders` orders over all three channels."""
    stores, tills = orders * STORE_SHARE // 100, orders * TILL_SHARE // 100
    return Day(
        day,
        store_orders(day, stores, seed),
        till_receipts(day, tills, seed),
        online_orders(day, orders - stores - tills, seed),
        inventory(day, orders, seed),
    )


def stores() -> pl.DataFrame:
    """The list of stores; the capital has more of them than the others."""
    ids = pl.int_range(1, LARGE_STORES + SMALL_STORES + 1, dtype=pl.Int32, eager=True).alias("store_id")
    large = pl.col("store_id") <= LARGE_STORES
    crowded = [*REGIONS[:3], *REGIONS]  # the first three regions twice
    return pl.DataFrame(ids).select(
        "store_id",
        name=pl.format("TuranMart {}", "store_id"),
        region=((pl.col("store_id") - 1) % len(crowded)).replace_strict(
            dict(enumerate(crowded)), return_dtype=pl.String
        ),
        format=pl.when(~large).then(pl.lit("express")).when(pl.col("store_id") <= 8).then(pl.lit("hyper"))
        .otherwise(pl.lit("super")),
        opened_on=pl.lit(date(2015, 3, 1)).dt.offset_by(pl.format("{}mo", pl.col("store_id") * 3)),
        has_database=large,
    )  # fmt: skip


def store_orders(day: date, rows: int, seed: int) -> pl.DataFrame:
    draw = Chance(seed, f"{ORDERS}/{day}")
    base = int(day.strftime("%Y%m%d")) * 10_000_000
    return _receipts(draw, rows).select(
        order_id=pl.col("row") + base,
        store_id=(draw.below("store", LARGE_STORES) + 1).cast(pl.Int32),
        ordered_at=_instant(draw, day, 8, 23),
        updated_at=_instant(draw, day, 8, 23) + _lag(draw),
        customer_id=pl.when(draw.chance("loyal", 400)).then(_uuid(draw)),
        items="items", items_total="items_total", discount_total="discount_total",
        refund_total="refund_total", order_total="order_total",
        currency=pl.lit("UZS"),
        payment=draw.pick("payment", ["cash", "card", "card", "payme", "click"]),
    )  # fmt: skip


def till_receipts(day: date, rows: int, seed: int) -> pl.DataFrame:
    draw = Chance(seed, f"{TILLS}/{day}")
    return (
        _receipts(draw, rows)
        .with_columns(
            store_id=(draw.below("store", SMALL_STORES) + LARGE_STORES + 1).cast(pl.Int32),
            sold_at=_instant(draw, day, 8, 21).dt.truncate("1s"),
        )
        .select(
            receipt_id=_receipt_id(pl.col("store_id"), day, pl.col("row")),
            store_id="store_id", sold_at="sold_at",
            items="items", items_total="items_total", discount_total="discount_total",
            refund_total="refund_total", order_total="order_total",
            currency=pl.lit("UZS"),
            payment=draw.pick("payment", ["cash", "cash", "card"]),
        )
        .sort("store_id", "sold_at")
    )  # fmt: skip


def online_orders(day: date, rows: int, seed: int) -> pl.DataFrame:
    draw = Chance(seed, f"{ONLINE}/{day}")
    return _receipts(draw, rows).select(
        order_id=pl.format("W-{}-{}", pl.lit(day.strftime("%Y%m%d")), pl.col("row").cast(pl.String).str.zfill(7)),
        ordered_at=_instant(draw, day, 0, 24),
        updated_at=_instant(draw, day, 0, 24) + _lag(draw),
        region=draw.pick("region", [*REGIONS, "tashkent", "tashkent", "fergana"]),
        status=draw.pick("status", ["paid", "shipped", "delivered"]),
        items="items", items_total="items_total", discount_total="discount_total",
        refund_total="refund_total", order_total="order_total",
        currency=pl.lit("UZS"),
    )  # fmt: skip


def inventory(day: date, orders: int, seed: int) -> pl.DataFrame:
    """Every region's articles, counted at 22:30; stock scales with sales, so that the cover stays believable."""
    draw = Chance(seed, f"inventory/{day}")
    rows = len(REGIONS) * SKUS
    level = pl.col("region").replace_strict(
        dict(zip(REGIONS, [60, 42, 25, 48, 30, 12], strict=True)), return_dtype=pl.Int64
    )
    stocked = level * max(orders, 200) * 3 // 2000 + draw.below("on_hand", 9)
    on_hand = pl.when(draw.chance("empty", 40)).then(0).otherwise(stocked)
    shelf_price = (draw.below("price", 3960) + 40) * 2500  # 1 000 to 100 000 so'm, in tiyin
    return (
        pl.select(row=pl.int_range(rows, dtype=pl.Int64))
        .with_columns(
            region=(pl.col("row") // SKUS).replace_strict(dict(enumerate(REGIONS)), return_dtype=pl.String),
            sku=pl.format("SKU-{}", (pl.col("row") % SKUS + 1).cast(pl.String).str.zfill(5)),
            counted_at=pl.lit(local(day, 22, 30)).cast(INSTANT),
        )
        .with_columns(on_hand=on_hand.cast(pl.Int64))
        .select("region", "sku", "counted_at", "on_hand",
                stock_value=_money(pl.col("on_hand") * shelf_price, pl.Decimal(14, 2)))
    )  # fmt: skip


def receipt_id(store: int, day: date, number: int) -> str:
    return f"T{store:03}-{day:%Y%m%d}-{number:04}"


def _receipt_id(store: pl.Expr, day: date, number: pl.Expr) -> pl.Expr:
    return pl.format(
        "T{}-{}-{}", store.cast(pl.String).str.zfill(3), pl.lit(f"{day:%Y%m%d}"), number.cast(pl.String).str.zfill(4)
    )


def _receipts(draw: Chance, rows: int) -> pl.DataFrame:
    """What a receipt has in every channel. Computed in tiyin, whole numbers: floats do not add up to the cent."""
    refund = draw.chance("refund", 30)
    size = draw.share("size")
    gross = 1_500_000 + (size * size * size * 40_000_000).cast(pl.Int64) // 2500 * 2500 + draw.below("weighed", 100)
    paid = pl.when(refund).then(0).otherwise(pl.col("gross"))
    discount = pl.when(draw.chance("discounted", 200)).then(pl.col("paid") * 5 // 100).otherwise(0)
    return (
        pl.select(row=pl.int_range(rows, dtype=pl.Int64))
        .with_columns(items=(draw.below("items", 14) + 1).cast(pl.Int32), gross=gross)
        .with_columns(paid=paid)
        .with_columns(discount=discount)
        .with_columns(
            items_total=_money(pl.col("paid")),
            discount_total=_money(pl.col("discount")),
            refund_total=_money(pl.when(refund).then(pl.col("gross") // 2).otherwise(0)),
            order_total=_money(pl.col("paid") - pl.col("discount")),
        )
        .drop("gross", "paid", "discount")
    )


def _money(tiyin: pl.Expr, kind: pl.DataType = MONEY) -> pl.Expr:
    return (tiyin.cast(pl.Decimal(24, 2)) / 100).cast(kind)


def _instant(draw: Chance, day: date, opens: int, closes: int) -> pl.Expr:
    """Between two local hours, to the microsecond."""
    since = draw.below("instant", (closes - opens) * 3_600_000_000)
    return (pl.lit(local(day)).cast(INSTANT) + pl.duration(hours=opens) + pl.duration(microseconds=since)).cast(INSTANT)


def _lag(draw: Chance) -> pl.Expr:
    """Head office and shop see an order within ten minutes; the contracts' overlap is 15."""
    return pl.duration(microseconds=draw.below("lag", int(timedelta(minutes=10).total_seconds() * 1_000_000)))


def _uuid(draw: Chance) -> pl.Expr:
    """Version 4 in form, from 5 draws: 8-4-4-4-12 hexadecimal digits."""
    digits = [
        draw.below("uuid", 9_999_999) + 10_000_000,
        draw.below("uuid2", 9000) + 1000,
        draw.below("uuid3", 900) + 4000,
        draw.below("uuid4", 900) + 8000,
        draw.below("uuid5", 900_000_000_000) + 100_000_000_000,
    ]
    return pl.format("{}-{}-{}-{}-{}", *digits)
