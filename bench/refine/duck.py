"""The same by hand: one query of DuckDB's over bronze's files, the good rows and the rejected into a folder each.

python -m bench.refine.duck --lake FOLDER --out FOLDER [--by-day]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

from bench.measure import Report

GOOD = """sale_id IS NOT NULL AND customer_id IS NOT NULL AND product_id IS NOT NULL AND shop_id BETWEEN 1 AND 500
    AND quantity BETWEEN 1 AND 50 AND price >= 0 AND discount BETWEEN 0 AND 0.1
    AND (weight_kg IS NULL OR (weight_kg >= 0 AND isfinite(weight_kg)))
    AND channel IN ('shop', 'web', 'app') AND regexp_matches(currency, '^[A-Z]{3}$')
    AND status IN ('paid', 'sent', 'back') AND is_gift IS NOT NULL AND sold_at IS NOT NULL AND ordered_on IS NOT NULL
    AND sent_on > ordered_on AND updated_at IS NOT NULL"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--by-day", action="store_true")
    options = parser.parse_args()
    report, duck = Report(), duckdb.connect()
    duck.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    folders = "good, _event_on" if options.by_day else "good"
    with report.stage("refine"):
        duck.execute(
            f"""COPY (
                SELECT * EXCLUDE (_position, _problem, _raw), ({GOOD}) IS TRUE AS good
                FROM read_parquet('{options.lake}/bronze/sales/*.parquet')
                QUALIFY row_number() OVER (PARTITION BY sale_id ORDER BY updated_at DESC) = 1
            ) TO '{options.out}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY ({folders}))"""
        )
    written = "SELECT good::BOOLEAN, count(*), sum(price) FROM read_parquet(?, hive_partitioning = true) GROUP BY 1"
    found = {good: rest for good, *rest in duck.execute(written, [f"{options.out}/**/*.parquet"]).fetchall()}
    files = list(options.out.rglob("*.parquet"))
    report.facts |= {
        "good": found[True][0], "rejected": found[False][0], "revenue": str(found[True][1]), "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
    }  # fmt: skip
    report.hand_back()


if __name__ == "__main__":
    main()
