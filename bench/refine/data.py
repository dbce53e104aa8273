"""Bronze without a source: sales in the order of their number, each of a random day, landed by Sluice's own steps.

python -m bench.refine.data --lake FOLDER --rows 600000 --days 365
"""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta

import polars as pl

from bench.measure import Report
from bench.refine.service import NOW, SOURCE, workspace
from sluice.lake import naming
from sluice.steps import land, landing
from sluice.steps.workspace import Workspace

CHUNK = 125_000
FIRST = date(2019, 1, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--days", type=int, required=True)
    options = parser.parse_args()
    ws, report = workspace(options.lake), Report()
    with report.stage("make") as cost:
        cost.rows = _land(ws, options.rows, options.days)
    report.hand_back()


def _land(ws: Workspace, rows: int, days: int) -> int:
    contract, table = ws.catalog.source(SOURCE), ws.bronze(SOURCE)
    started = datetime.fromisoformat(NOW)
    parts = []
    for start in range(0, rows, CHUNK):
        written = _sales(start, min(CHUNK, rows - start), days)
        frame, _ = landing.conform(_corrected(written), contract, "bench", started)
        totals = landing.Totals()
        totals.add(frame, None)
        name = naming.file_name(naming.content(frame), f"bench-{start:08}", 0)
        file = table.write(frame.sort("_event_on", maintain_order=True), name)
        parts.append(land.LandedSplit(str(start), (file.as_dict(),), totals.schema, (), totals.dates, totals.rows))
    plan = land.Landing(SOURCE, "bench", started.isoformat(), 0, None, None, (), (), contract.hash)
    return land.commit_landing(ws, plan, parts).rows


def _sales(start: int, rows: int, days: int) -> pl.DataFrame:
    """The same rows for the same numbers: hashes stand in for chance."""
    number = pl.int_range(start, start + rows, dtype=pl.Int64)

    def chance(seed: int, below: int) -> pl.Expr:
        return (pl.col("sale_id").hash(seed) % below).cast(pl.Int64)

    def one_of(seed: int, *words: str) -> pl.Expr:
        return pl.lit(pl.Series(words)).gather(chance(seed, len(words)))

    first = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    money = pl.Decimal(15, 2)
    return (
        pl.select(sale_id=number)
        .with_columns(
            customer_id=chance(1, 1_500_000),
            product_id=chance(2, 200_000),
            shop_id=(chance(3, 500) + 1).cast(pl.Int32),
            quantity=(chance(4, 50) + 1).cast(pl.Int32),
            price=(chance(5, 10_000_000) / 100).cast(money),
            discount=(chance(6, 11) / 100).cast(money),
            weight_kg=chance(7, 50_000) / 1000,
            channel=one_of(8, "shop", "web", "app"),
            currency=one_of(9, "UZS", "USD", "EUR"),
            status=one_of(10, "paid", "sent", "back"),
            note=pl.format(
                "{} {}", chance(11, 1_000_000_000_000), one_of(12, "carefully", "quickly", "as a gift", "to the door")
            ),
            is_gift=chance(13, 10) == 0,
            sold_at=first + pl.duration(days=chance(14, days), seconds=chance(15, 86_400)),
        )
        .with_columns(ordered_on=pl.col("sold_at").dt.date(), updated_at=pl.col("sold_at") + timedelta(hours=1))
        .with_columns(sent_on=pl.col("ordered_on") + pl.duration(days=chance(16, 20) + 1))
    )


def _corrected(sales: pl.DataFrame) -> pl.DataFrame:
    later = sales.filter(pl.col("sale_id") % 100 == 0).with_columns(
        pl.when(pl.col("sale_id") % 1_000 == 0).then(0).otherwise("quantity").cast(pl.Int32).alias("quantity"),
        updated_at=pl.col("updated_at") + timedelta(days=1),
    )
    return pl.concat([sales, later])


if __name__ == "__main__":
    main()
