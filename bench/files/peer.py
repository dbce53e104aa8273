"""The same files to one Parquet file, by hand: no proof that a line has its fields, no line numbers, no days.

python -m bench.files.peer {polars,polars_text,duckdb} --drop FOLDER --out FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.measure import Report

COLUMNS = {
    "receipt": "BIGINT", "sold_at": "TIMESTAMPTZ", "store": "VARCHAR", "sku": "VARCHAR", "qty": "INTEGER",
    "total": "DECIMAL(12,2)", "note": "VARCHAR",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=list(WAYS))
    parser.add_argument("--drop", required=True)
    parser.add_argument("--out", required=True, type=Path)
    options, report = parser.parse_args(), Report()
    with report.stage("land") as cost:
        cost.rows = WAYS[options.how](options.drop, options.out)
    report.hand_back()


def _polars(drop: str, out: Path) -> int:
    """Types in the schema, money as an exact decimal, streamed."""
    import polars as pl

    types = {
        "BIGINT": pl.Int64, "TIMESTAMPTZ": pl.Datetime("us", "UTC"), "VARCHAR": pl.String, "INTEGER": pl.Int32,
        "DECIMAL(12,2)": pl.Decimal(12, 2),
    }  # fmt: skip
    rows = pl.scan_csv(f"{drop}/*.csv", schema={name: types[kind] for name, kind in COLUMNS.items()})
    rows.sink_parquet(out, compression="zstd")
    return pl.scan_parquet(out).select(pl.len()).collect().item()


def _polars_text(drop: str, out: Path) -> int:
    """Every column as the text it is, as bronze keeps it: nothing is parsed."""
    import polars as pl

    pl.scan_csv(f"{drop}/*.csv", schema=dict.fromkeys(COLUMNS, pl.String)).sink_parquet(out, compression="zstd")
    return pl.scan_parquet(out).select(pl.len()).collect().item()


def _duckdb(drop: str, out: Path) -> int:
    import duckdb

    duck = duckdb.connect()
    duck.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    dialect = """header = true, auto_detect = false, quote = '"', escape = '"'"""
    rows = f"read_csv('{drop}/*.csv', {dialect}, columns = {COLUMNS})"
    done = duck.execute(f"COPY (FROM {rows}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)").fetchone()
    return done[0] if done else 0


WAYS = {"polars": _polars, "polars_text": _polars_text, "duckdb": _duckdb}

if __name__ == "__main__":
    main()
