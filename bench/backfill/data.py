"""Sales of some days, as one Parquet file: the same for the same days, so that two runs compare."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

FIRST = date(2023, 1, 1)


def day(number: int) -> date:
    """The first day has the number 0."""
    return FIRST + timedelta(days=number)


def drop(folder: Path, days: range, rows_a_day: int) -> None:
    """One file, as whoever hands over a history would write it."""
    folder.mkdir(parents=True, exist_ok=True)
    second = 86_400 // rows_a_day if rows_a_day <= 86_400 else 0
    count = pl.int_range(len(days) * rows_a_day, dtype=pl.Int64, eager=True).alias("id")
    frame = pl.DataFrame(count + days.start * rows_a_day).select(
        "id",
        sold_at=pl.lit(FIRST).cast(pl.Datetime("us", "UTC"))
        + pl.duration(days=pl.col("id") // rows_a_day, seconds=pl.col("id") % rows_a_day * second),
        shop=(pl.col("id") * 7919 % 50 + 1).cast(pl.Int32),
        items=(pl.col("id") * 104_729 % 9 + 1).cast(pl.Int32),
        amount=(pl.col("id") * 15_485_863 % 9_999_999 + 1).cast(pl.Decimal(12, 2)) / 100,
    )
    file = folder / f"{day(days.start)}.parquet"
    frame.with_columns(pl.col("amount").cast(pl.Decimal(12, 2))).write_parquet(file)
    written = datetime.combine(day(days.stop), time(1), UTC).timestamp()  # a file of the future would be left lying
    os.utime(file, (written, written))
