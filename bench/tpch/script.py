"""The same job as a good engineer would write it by hand for once: no history, no retries, no quarantine to look into.

COPY into Parquet in chunks, DuckDB for the rest. It is the least that the work itself costs.

    python -m bench.tpch.script --folder FOLDER --dsn ADDRESS --answer FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb
import psycopg2

from bench.measure import Report
from bench.tpch.data import TABLES

KEY = {"orders": "o_orderkey", "lineitem": "l_orderkey, l_linenumber"}
GOOD = {
    "orders": """o_orderkey IS NOT NULL AND o_custkey IS NOT NULL AND o_orderstatus IN ('O', 'F', 'P')
        AND o_totalprice >= 0 AND o_orderdate IS NOT NULL AND regexp_matches(o_orderpriority, '^[1-5]-')
        AND o_clerk IS NOT NULL AND o_shippriority IS NOT NULL""",
    "lineitem": """l_orderkey IS NOT NULL AND l_partkey IS NOT NULL AND l_suppkey IS NOT NULL
        AND l_linenumber BETWEEN 1 AND 7 AND l_quantity BETWEEN 1 AND 50 AND l_extendedprice >= 0
        AND l_discount BETWEEN 0 AND 0.1 AND l_tax BETWEEN 0 AND 0.08 AND l_returnflag IN ('R', 'A', 'N')
        AND l_linestatus IN ('O', 'F') AND l_shipdate IS NOT NULL AND l_commitdate IS NOT NULL
        AND l_receiptdate > l_shipdate AND l_shipinstruct IS NOT NULL AND l_shipmode IS NOT NULL""",
}
DAILY = """
    SELECT coalesce(o.day, l.day) AS day, coalesce(order_count, 0) AS order_count,
        coalesce(ordered, 0)::DECIMAL(18,2) AS ordered, coalesce(line_count, 0) AS line_count,
        coalesce(revenue, 0)::DECIMAL(18,4) AS revenue
    FROM (SELECT o_orderdate AS day, count(*) AS order_count, sum(o_totalprice) AS ordered
          FROM read_parquet('silver_orders/good=true/*.parquet') GROUP BY 1) o
    FULL JOIN (SELECT l_shipdate AS day, count(*) AS line_count, sum(l_extendedprice * (1 - l_discount)) AS revenue
          FROM read_parquet('silver_lineitem/good=true/*.parquet') GROUP BY 1) l ON o.day = l.day
    ORDER BY 1"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--answer", required=True, type=Path)
    options = parser.parse_args()
    folder, report = options.folder.resolve(), Report()
    folder.mkdir(parents=True, exist_ok=True)
    duck = duckdb.connect()
    duck.execute(f"SET preserve_insertion_order = false; SET TimeZone = 'UTC'; SET file_search_path = '{folder}'")
    for table in KEY:
        with report.stage(f"land {table}") as cost:
            cost.rows = _land(options.dsn, duck, table, folder)
    for table, key in KEY.items():
        with report.stage(f"refine {table}"):
            duck.execute(
                f"""COPY (
                    SELECT *, ({GOOD[table]}) IS TRUE AS good FROM read_parquet('bronze_{table}.parquet')
                    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY updated_at DESC) = 1
                ) TO '{folder}/silver_{table}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (good))"""
            )
    with report.stage("build"):
        duck.execute(f"COPY ({DAILY}) TO '{options.answer.resolve()}'")
    report.hand_back()


def _land(dsn: str, duck: duckdb.DuckDBPyConnection, table: str, folder: Path) -> int:
    """Through a CSV file: both ends run in C, and DuckDB parses it on every core."""
    csv = folder / f"{table}.csv"
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor, csv.open("wb") as file:
        cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT csv)", file)
    columns = {**TABLES[table], "updated_at": "timestamptz"}
    rows = f"read_csv('{csv}', header = false, auto_detect = false, columns = {columns})"
    done = duck.execute(f"COPY (FROM {rows}) TO '{folder}/bronze_{table}.parquet' (COMPRESSION zstd)").fetchone()
    csv.unlink()
    return done[0] if done else 0


if __name__ == "__main__":
    main()
