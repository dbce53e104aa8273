"""Daily revenue: one row per day, beside the day before."""

from __future__ import annotations

import polars as pl


def daily_revenue(daily_sales: pl.LazyFrame) -> pl.LazyFrame:
    days = daily_sales.group_by("sale_on").agg(
        order_count=pl.col("order_count").sum(),
        revenue=pl.col("revenue").sum().cast(pl.Decimal(18, 2)),
    )
    before = days.select(
        sale_on=pl.col("sale_on").dt.offset_by("1d"), previous_revenue=pl.col("revenue")
    )  # joined by date, not shifted: a missing day must not pass for yesterday
    change = pl.col("revenue") - pl.col("previous_revenue")
    growth = pl.when(pl.col("previous_revenue") != 0).then(change * 100 / pl.col("previous_revenue"))
    return (
        days.join(before, on="sale_on", how="left")
        .with_columns(growth_pct=growth.cast(pl.Decimal(9, 2)))
        .select("sale_on", "order_count", "revenue", "previous_revenue", "growth_pct")
        .sort("sale_on")
    )
