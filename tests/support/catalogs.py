"""Small catalogs on disk, for tests that read contracts."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

ORDERS = """\
    source: orders
    description: Orders taken at the tills.
    owner: data-platform
    kind: postgres
    connection: orders_db
    relation: public.orders
    position: {mode: cursor, column: updated_at}
    event_time: ordered_at
    timezone: Asia/Tashkent
    key: [order_id]
    columns:
      order_id:   {type: int64, nullable: false}
      ordered_at: {type: timestamp, nullable: false}
      updated_at: {type: timestamp, nullable: false}
      total:      {type: "decimal(12,2)", nullable: false, min: 0}
"""

SALES = """\
    product: sales
    title: Sales per day
    description: What was sold on each day.
    owners: {platform: data-platform, business: analytics}
    tags: [gold]
    schedule: {cron: "0 6 * * *", timezone: Asia/Tashkent, start: 2026-05-01}
    inputs:
      orders: {source: orders}
    output:
      key: [sold_on]
      interval: sold_on
      columns:
        sold_on: {type: date, nullable: false}
        revenue: {type: "decimal(18,2)"}
    gate:
      - {id: G1, expect: expect_table_row_count_to_be_between, with: {min_value: 1}}
    freshness: {by: "07:30"}
    alerts: {route: sales-oncall}
"""

SALES_TRANSFORM = """\
    import polars as pl

    def sales(orders):
        day = pl.col("ordered_at").dt.convert_time_zone("Asia/Tashkent").dt.date()
        total = pl.col("total").sum().cast(pl.Decimal(18, 2))
        return orders.group_by(sold_on=day).agg(revenue=total)
"""

ORDERS_SAMPLE = """\
    order_id,ordered_at,updated_at,total
    1,2026-05-01T06:00:00Z,2026-05-01T06:00:00Z,10.00
    2,2026-05-01T20:00:00Z,2026-05-01T20:00:00Z,5.50
"""

SALES_EXPECTED = """\
    sold_on,revenue
    2026-05-01,10.00
    2026-05-02,5.50
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def source(root: Path, name: str = "orders", text: str = ORDERS, sample: str = ORDERS_SAMPLE) -> Path:
    """A source's folder; the text may name another source, which is then renamed to fit."""
    write(root / "sources" / name / "samples" / "rows.csv", sample)
    return write(root / "sources" / name / "source.yaml", text.replace("source: orders", f"source: {name}", 1))


def product(root: Path, name: str = "sales", text: str = SALES, transform: str = SALES_TRANSFORM) -> Path:
    """A product's folder, with samples that fit."""
    folder = root / "products" / name
    write(folder / "transform.py", transform.replace("def sales", f"def {name}"))
    write(folder / "samples" / "orders.csv", ORDERS_SAMPLE)
    write(folder / "samples" / "expected.csv", SALES_EXPECTED)
    return write(folder / "contract.yaml", text.replace("product: sales", f"product: {name}", 1))


def whole(root: Path) -> Path:
    """A catalog of one source and one product, in order in every respect."""
    source(root)
    product(root)
    return root
