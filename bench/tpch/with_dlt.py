"""The same job with dlt and DuckDB: an incremental load, the latest row of each key, rules and gold in SQL.

dlt's fastest way for this job, of those that keep money exact: see what else was tried in docs/performance.md.

    python -m bench.tpch.with_dlt --folder FOLDER --dsn ADDRESS --answer FILE      (in the peers' interpreter)
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from bench.measure import Report
from bench.tpch.script import DAILY, GOOD, KEY, RESULT

# No telemetry, no look at what else is on the machine; nothing of it is the job.
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "DO_NOT_TRACK": "1"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--answer", required=True, type=Path)
    options = parser.parse_args()
    folder, report = options.folder.resolve(), Report()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"DLT_DATA_DIR": str(folder / "dlt"), "HOME": str(folder)}
    pipeline = _pipeline(folder)
    for table in KEY:
        with report.stage(f"land {table}") as cost:
            pipeline.run(_table(options.dsn, table), loader_file_format="parquet")
            cost.rows = pipeline.last_trace.last_normalize_info.row_counts[table]
    with pipeline.sql_client() as client:
        client.execute_sql("SET preserve_insertion_order = false")
        for table, key in KEY.items():
            with report.stage(f"refine {table}"):
                client.execute_sql(
                    f"""CREATE TABLE silver_{table} AS
                    SELECT *, ({GOOD[table]}) IS TRUE AS good FROM {table}
                    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY updated_at DESC) = 1"""
                )
        with report.stage("build"):
            daily = DAILY.format(**{table: f"(FROM silver_{table} WHERE good)" for table in KEY})
            client.execute_sql(f"CREATE TABLE daily_revenue AS {daily}")
        client.execute_sql(f"COPY (SELECT {RESULT} FROM daily_revenue) TO '{options.answer.resolve()}'")
    report.hand_back()


def _pipeline(folder: Path) -> Any:
    import dlt

    # Frames go through as they are; a load's number beside every row is a column that nobody asked for.
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = False
    database = dlt.destinations.duckdb(str(folder / "lake.duckdb"))
    return dlt.pipeline("tpch", destination=database, dataset_name="shop", pipelines_dir=str(folder / "pipelines"))


def _table(dsn: str, name: str) -> Any:
    """What is new since the last run, by the service's cursor; a row that came twice is silver's to find."""
    import dlt
    from dlt.sources.sql_database import sql_table

    return sql_table(
        dsn, table=name, schema="public", backend="connectorx", chunk_size=200_000,
        backend_kwargs={"return_type": "arrow_stream"},
        incremental=dlt.sources.incremental("updated_at", primary_key=()), reflection_level="full_with_precision",
        write_disposition="append",
    )  # fmt: skip


if __name__ == "__main__":
    main()
