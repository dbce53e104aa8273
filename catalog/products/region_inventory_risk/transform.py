"""Stock cover: what is in the warehouse against what the region sells in a day."""

from __future__ import annotations

import polars as pl

ZONE = "Asia/Tashkent"
WINDOW_DAYS = 7  # the contract's lookback is one day less
HIGH_DAYS, WATCH_DAYS = 7, 14


def region_inventory_risk(daily_sales: pl.LazyFrame, inventory: pl.LazyFrame) -> pl.LazyFrame:
    counted = (
        inventory.with_columns(counted_on=pl.col("counted_at").dt.convert_time_zone(ZONE).dt.date())
        .group_by("counted_on", "region")
        .agg(
            on_hand=pl.col("on_hand").sum(),
            empty_skus=(pl.col("on_hand") == 0).sum().cast(pl.Int64),
            stock_value=pl.col("stock_value").sum().cast(pl.Decimal(18, 2)),
        )
    )
    cover = pl.when(pl.col("daily_revenue") > 0).then(pl.col("stock_value") / pl.col("daily_revenue"))
    risk = (
        pl.when(pl.col("days_of_cover").is_null()).then(pl.lit("no_sales"))
        .when(pl.col("days_of_cover") < HIGH_DAYS).then(pl.lit("high"))
        .when(pl.col("days_of_cover") < WATCH_DAYS).then(pl.lit("watch"))
        .otherwise(pl.lit("ok"))
    )  # fmt: skip
    return (
        counted.join(_revenue_a_day(daily_sales), on=["counted_on", "region"], how="left")
        .with_columns(days_of_cover=cover.cast(pl.Decimal(18, 2)))
        .with_columns(risk=risk)
        .select(
            "counted_on", "region", "on_hand", "empty_skus", "stock_value", "daily_revenue", "days_of_cover", "risk"
        )
        .sort("counted_on", "region")
    )


def _revenue_a_day(daily_sales: pl.LazyFrame) -> pl.LazyFrame:
    """The mean of the days with sales in each day's window: a sale counts for its own day and for six later ones."""
    spread = daily_sales.select("sale_on", "region", "revenue").with_columns(
        counted_on=pl.date_ranges("sale_on", pl.col("sale_on").dt.offset_by(f"{WINDOW_DAYS - 1}d"))
    )
    total = pl.col("revenue").sum()
    return (
        spread.explode("counted_on")
        .group_by("counted_on", "region")
        .agg(daily_revenue=(total / pl.col("sale_on").n_unique().cast(pl.Int64)).cast(pl.Decimal(18, 2)))
    )
