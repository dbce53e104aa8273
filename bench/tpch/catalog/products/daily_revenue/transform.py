"""Daily revenue: orders by the day they were placed, lines by the day they were shipped."""

from __future__ import annotations

import polars as pl


def daily_revenue(orders: pl.LazyFrame, lineitem: pl.LazyFrame) -> pl.LazyFrame:
    ordered = orders.group_by(day="o_orderdate").agg(
        order_count=pl.len().cast(pl.Int64), ordered=pl.col("o_totalprice").sum().cast(pl.Decimal(18, 2))
    )
    price, discount = pl.col("l_extendedprice"), pl.col("l_discount")
    shipped = lineitem.group_by(day="l_shipdate").agg(
        line_count=pl.len().cast(pl.Int64),
        revenue=(price.cast(pl.Decimal(18, 4)) * (1 - discount)).sum().cast(pl.Decimal(18, 4)),
    )
    return ordered.join(shipped, on="day", how="full", coalesce=True).select(
        "day", *(pl.col(n).fill_null(0) for n in ("order_count", "ordered", "line_count", "revenue"))
    )
