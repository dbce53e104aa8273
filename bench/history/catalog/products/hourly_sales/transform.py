"""One row per hour."""

import polars as pl


def hourly_sales(sales: pl.LazyFrame) -> pl.LazyFrame:
    return sales.group_by(hour=pl.col("sold_at").dt.truncate("1h")).agg(
        sold=pl.len().cast(pl.Int64),
        revenue=pl.col("amount").sum().cast(pl.Decimal(18, 2)),
    )
