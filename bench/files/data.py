"""Receipts as tills drop them: CSV with distinct times, money, and a quoted note in every fifth or so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

BYTES_A_ROW = 79
ROWS_AT_ONCE = 500_000


def drop(folder: Path, files: int, megabytes: float) -> int:
    """Writes `files` files of about that size; returns their rows."""
    folder.mkdir(parents=True)
    rows = round(megabytes * 2**20 / BYTES_A_ROW)
    for number in range(files):
        with (folder / f"receipts_{number:04}.csv").open("wb") as file:
            for start in range(0, rows, ROWS_AT_ONCE):
                receipts(min(ROWS_AT_ONCE, rows - start), number * rows + start).write_csv(
                    file, include_header=start == 0
                )
    return rows * files


def receipts(rows: int, start: int) -> pl.DataFrame:
    """The same for the same `start`: a day's worth, in their order."""
    chance = np.random.default_rng(start)
    times = np.sort(chance.integers(0, 86_400_000_000, rows)).astype("timedelta64[us]")
    made = pl.DataFrame({
        "receipt": pl.int_range(start, start + rows, eager=True),
        "at": pl.Series(np.datetime64("2026-05-01", "us") + times),
        "store": chance.integers(1, 400, rows),
        "sku": chance.integers(10**7, 10**8, rows),
        "qty": chance.integers(1, 20, rows),
        "cents": chance.integers(100, 20_000_000, rows),
        "n": chance.integers(0, 5000, rows),
    })  # fmt: skip
    card = pl.format('paid by card, "visa" {}', "n")
    note = pl.when(pl.col("n") % 10 == 0).then(card).when(pl.col("n") % 10 > 1).then(pl.format("note {}", "n"))
    return made.select(
        "receipt",
        pl.col("at").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ").alias("sold_at"),
        pl.format("S{}", "store").alias("store"),
        pl.format("sku-{}", "sku").alias("sku"),
        "qty",
        pl.format("{}.{}", pl.col("cents") // 100, (pl.col("cents") % 100).cast(pl.String).str.zfill(2)).alias("total"),
        note.alias("note"),
    )
