"""Other ways from a PostgreSQL table to a Parquet file. Runs in the peers' environment.

python -m bench.postgres.peer {duckdb_scanner,psycopg2_polars,connectorx} --dsn ADDRESS --table NAME --out FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.measure import Report
from bench.tpch.data import TABLES


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=list(READERS))
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--out", required=True, type=Path)
    options, report = parser.parse_args(), Report()
    with report.stage("land") as cost:
        cost.rows = READERS[options.how](options.dsn, options.table, options.out)
    report.hand_back()


def _duckdb_scanner(dsn: str, table: str, out: Path) -> int:
    import duckdb

    from bench.peers import postgres_scanner

    duck = duckdb.connect()
    duck.execute(f"LOAD '{postgres_scanner()}'")
    duck.execute(f"ATTACH '{dsn}' AS pg (TYPE postgres, READ_ONLY)")
    done = duck.execute(f"COPY (FROM pg.public.{table}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)").fetchone()
    return done[0] if done else 0


def _psycopg2_polars(dsn: str, table: str, out: Path) -> int:
    """COPY into a file, read by Polars lazily: exact decimals, the whole table streamed."""
    import polars as pl
    import psycopg2

    text = out.with_suffix(".csv")
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor, text.open("wb", 2**18) as file:
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT csv)", file)
    kinds = {**TABLES[table], "updated_at": "timestamptz"}
    lines = pl.scan_csv(text, has_header=False, schema=dict.fromkeys(kinds, pl.String))
    read = {
        "bigint": lambda c: c.cast(pl.Int64),
        "integer": lambda c: c.cast(pl.Int32),
        "text": lambda c: c,
        "date": lambda c: c.str.to_date("%Y-%m-%d"),
        "numeric(15,2)": lambda c: c.cast(pl.Decimal(15, 2)),
        "timestamptz": lambda c: c.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us"),
    }
    lines.select(read[kind](pl.col(name)) for name, kind in kinds.items()).sink_parquet(out, compression="zstd")
    text.unlink()
    return pl.scan_parquet(out).select(pl.len()).collect().item()


def _connectorx(dsn: str, table: str, out: Path) -> int:
    """As its documents show it. Its decimals are floats, and the table is whole in memory."""
    import connectorx
    import pyarrow.parquet

    found = connectorx.read_sql(dsn, f"SELECT * FROM {table}", return_type="arrow")
    pyarrow.parquet.write_table(found, out, compression="zstd")
    return found.num_rows


READERS = {"duckdb_scanner": _duckdb_scanner, "psycopg2_polars": _psycopg2_polars, "connectorx": _connectorx}

if __name__ == "__main__":
    main()
