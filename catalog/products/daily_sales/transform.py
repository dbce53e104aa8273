"""Daily sales: three channels, one row per day and region."""

from __future__ import annotations

import polars as pl

ZONE = "Asia/Tashkent"


def daily_sales(
    store_orders: pl.LazyFrame,
    till_files: pl.LazyFrame,
    online_orders: pl.LazyFrame | None,
    stores: pl.LazyFrame,
) -> pl.LazyFrame:
    regions = stores.select("store_id", "region")
    # A left join: a receipt of a store that is not on the list yet must be counted, and be seen as "unknown".
    channels = [
        _sales(store_orders.join(regions, on="store_id", how="left"), "ordered_at"),
        _sales(till_files.join(regions, on="store_id", how="left"), "sold_at"),
    ]
    if online_orders is not None:
        channels.append(_sales(online_orders, "ordered_at"))
    sold = pl.col("order_total") > 0  # a receipt of goods returned only is not an order
    gross = pl.col("order_total").sum()
    order_count = sold.sum()
    return (
        pl.concat(channels)
        .group_by("sale_on", "region")
        .agg(
            order_count=order_count.cast(pl.Int64),
            refund_total=pl.col("refund_total").sum().cast(pl.Decimal(18, 2)),
            revenue=(gross - pl.col("refund_total").sum()).cast(pl.Decimal(18, 2)),
            average_order=pl.when(order_count > 0).then(gross / order_count.cast(pl.Int64)).cast(pl.Decimal(18, 2)),
        )
        .sort("sale_on", "region")
    )


def _sales(orders: pl.LazyFrame, at: str) -> pl.LazyFrame:
    """What the channels have in common; the day of a sale is the local one."""
    return orders.select(
        pl.col(at).dt.convert_time_zone(ZONE).dt.date().alias("sale_on"),
        pl.col("region").fill_null("unknown"),
        "order_total",
        "refund_total",
    )
