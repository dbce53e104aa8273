"""Frames as the sources show them: text, by the names and forms each source uses."""

from __future__ import annotations

from datetime import date

import polars as pl

from catalog.world.generate import ONLINE, TILLS

UTC_FORM = "%Y-%m-%dT%H:%M:%S.%6f%:z"
TILL_FORM = "%Y-%m-%dT%H:%M:%S%:z"


def on_the_wire(source: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The source's own columns, all text."""
    if source == TILLS:
        sold_at = pl.col("sold_at").dt.convert_time_zone("Asia/Tashkent").dt.strftime(TILL_FORM)
        frame = frame.with_columns(sold_at).rename({"order_total": "total"})
    return frame.with_columns(pl.selectors.datetime().dt.strftime(UTC_FORM)).cast(pl.String)


def key_of(source: str) -> str:
    return "receipt_id" if source == TILLS else "order_id"


def renumbered(source: str, rows: pl.DataFrame, day: date, first: int) -> pl.DataFrame:
    """The same rows under other order numbers, from `first` on."""
    number = pl.int_range(pl.len()) + first
    stamp = pl.lit(f"{day:%Y%m%d}")
    if source == TILLS:
        number_text = pl.format("T{}-{}-{}", pl.col("store_id").str.zfill(3), stamp, number)
    else:
        number_text = pl.format("W-{}-{}" if source == ONLINE else "{}{}", stamp, number)
    return rows.with_columns(number_text.alias(key_of(source)))


def as_json_records(rows: pl.DataFrame) -> str:
    """Online orders as the shop's API shows them: nested, money as text."""
    return rows.select(
        id="order_id",
        placed_at="ordered_at",
        updated_at="updated_at",
        status="status",
        delivery=pl.struct("region"),
        items=pl.col("items").cast(pl.Int64),
        amounts=pl.struct(items="items_total", discount="discount_total", refund="refund_total", total="order_total"),
        currency="currency",
    ).write_json()
