"""The same job as a good engineer would write it by hand for once: no history, no retries, no position to go on from.

DuckDB reads PostgreSQL by itself, and does the rest. Of what was tried this costs the least CPU (docs/performance.md):
it is the least that the work itself costs.

    python -m bench.tpch.script --folder FOLDER --dsn ADDRESS --answer FILE      (in the peers' interpreter)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

from bench.measure import Report
from bench.peers import postgres_scanner

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
    SELECT coalesce(o.day, l.day) AS day, coalesce(order_count, 0) AS order_count, coalesce(ordered, 0) AS ordered,
        coalesce(line_count, 0) AS line_count, coalesce(revenue, 0) AS revenue
    FROM (SELECT o_orderdate AS day, count(*) AS order_count, sum(o_totalprice) AS ordered FROM {orders} GROUP BY 1) o
    FULL JOIN (SELECT l_shipdate AS day, count(*) AS line_count, sum(l_extendedprice * (1 - l_discount)) AS revenue
               FROM {lineitem} GROUP BY 1) l ON o.day = l.day
    ORDER BY 1"""
RESULT = "day, order_count, ordered::DECIMAL(18,2) AS ordered, line_count, revenue::DECIMAL(18,4) AS revenue"


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
    duck.execute(f"LOAD '{postgres_scanner()}'; ATTACH '{options.dsn}' AS shop (TYPE postgres, READ_ONLY)")
    parquet = "FORMAT parquet, COMPRESSION snappy"  # a tenth less CPU than zstd at level 1
    for table in KEY:
        with report.stage(f"land {table}") as cost:
            done = duck.execute(f"COPY shop.public.{table} TO '{folder}/bronze_{table}.parquet' ({parquet})").fetchone()
            cost.rows = done[0] if done else 0
    for table, key in KEY.items():
        with report.stage(f"refine {table}"):
            # Few keys stand twice. A window over all rows to find the latest of each costs a fifth more.
            duck.execute(
                f"""CREATE TABLE twice_{table} AS SELECT {key}, max(updated_at) AS latest
                FROM 'bronze_{table}.parquet' GROUP BY ALL HAVING count(*) > 1"""
            )
            same = " AND ".join(f"t.{column} = b.{column}" for column in key.split(", "))
            duck.execute(
                f"""COPY (
                    SELECT *, ({GOOD[table]}) IS TRUE AS good FROM 'bronze_{table}.parquet' b
                    WHERE NOT EXISTS (FROM twice_{table} t WHERE {same} AND b.updated_at < t.latest)
                ) TO '{folder}/silver_{table}' ({parquet}, PARTITION_BY (good))"""
            )
    with report.stage("build"):
        good = {table: f"read_parquet('silver_{table}/good=true/*.parquet')" for table in KEY}
        duck.execute(f"COPY (SELECT {RESULT} FROM ({DAILY.format(**good)})) TO '{options.answer.resolve()}'")
    report.hand_back()


if __name__ == "__main__":
    main()
