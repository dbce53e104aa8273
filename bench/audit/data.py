"""Orders, sound or with one row in a thousand spoilt; as Parquet, as a candidate lies in the lake."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

DAY = datetime(2026, 5, 1)
STATUSES = ("new", "paid", "sent", "done")
EMAIL = r"^[^@ ]+@[^@ ]+\.[a-z]+$"
DAYS, LINES = 365, 100


def write(path: Path, rows: int, *, spoilt: bool) -> None:
    """Numbers without an order that would make them easy to compress or to count: hashes of the row's place."""
    at = pl.int_range(rows)

    def drawn(below: int, seed: int) -> pl.Expr:
        return (at.hash(seed) % below).cast(pl.Int64)

    ordered = pl.lit(DAY) + pl.duration(seconds=drawn(86_400, 1))
    frame = pl.select(
        order_id=at.shuffle(2),
        customer_id=drawn(rows // 10, 3),
        total=(drawn(10**9, 4).cast(pl.Decimal(14, 0)) / 100).cast(pl.Decimal(14, 2)),
        quantity=drawn(50, 5) + 1,
        status=drawn(len(STATUSES), 6).replace_strict(dict(enumerate(STATUSES)), return_dtype=pl.String),
        ordered_at=ordered,
        sent_at=ordered + pl.duration(hours=drawn(72, 7)),
        email=pl.format("user{}@example.org", drawn(rows // 10, 8)),
        weight=drawn(50_000, 9) / 1000,
    ).with_columns(code=pl.col("order_id").cast(pl.String).str.zfill(10))
    if spoilt:
        bad = at % 1000 == 7
        frame = frame.with_columns(
            order_id=pl.when(bad).then(0).otherwise("order_id"),
            total=pl.when(bad).then(-pl.col("total") - 1).otherwise("total"),
            status=pl.when(bad).then(pl.lit("odd")).otherwise("status"),
            email=pl.when(bad).then(pl.lit("nobody")).otherwise("email"),
        )
    frame.write_parquet(path)


def write_days(folder: Path) -> None:
    """A file a day, as a backfill stages them."""
    for number in range(DAYS):
        day = (DAY + timedelta(days=number)).date()
        made = folder / f"_interval={day}"
        made.mkdir(parents=True)
        line = pl.int_range(LINES)
        pl.select(
            day=pl.lit(day), line=line, orders=line + number, ordered=(line * 7).cast(pl.Decimal(18, 2)),
            revenue=(line * 3).cast(pl.Decimal(18, 2)),
            region=pl.when(line % 2 == 0).then(pl.lit("north")).otherwise(pl.lit("south")),
        ).write_parquet(made / "candidate.parquet")  # fmt: skip
