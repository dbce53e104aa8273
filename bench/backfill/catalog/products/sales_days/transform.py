"""Sales per day and shop."""

from __future__ import annotations

import polars as pl


def sales_days(sales: pl.LazyFrame) -> pl.LazyFrame:
    return sales.group_by(sold_on=pl.col("sold_at").dt.date(), shop="shop").agg(
        sold=pl.len().cast(pl.Int64),
        items=pl.col("items").cast(pl.Int64).sum(),
        revenue=pl.col("amount").sum().cast(pl.Decimal(18, 2)),
    )
