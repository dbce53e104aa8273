"""The least that a year of days costs: one scan and one aggregation in plain Polars, over the same silver files, into
one file.

    python -m bench.backfill.peer --silver FOLDER --answer FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from bench.backfill.catalog.products.sales_days.transform import sales_days
from bench.measure import Report


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--silver", required=True, type=Path)
    parser.add_argument("--answer", required=True, type=Path)
    options = parser.parse_args()
    report = Report()
    with report.stage("scan and aggregate"):
        made = sales_days(pl.scan_parquet(options.silver / "**/*.parquet"))
        made.sort("sold_on", "shop").collect().write_parquet(options.answer)
    report.hand_back()


if __name__ == "__main__":
    main()
