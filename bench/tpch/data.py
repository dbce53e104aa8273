"""TPC-H's orders and lineitem in a PostgreSQL server of our own, with the faults that real tables have.

About one order in a hundred was corrected later: its rows stand in the table twice, and the later one must win. One
correction in a hundred is bad: its row must end in quarantine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg2

from catalog.world.postgres import Postgres

MONEY = "numeric(15,2)"
TABLES = {  # names of types that PostgreSQL and DuckDB share
    "orders": {
        "o_orderkey": "bigint", "o_custkey": "bigint", "o_orderstatus": "text", "o_totalprice": MONEY,
        "o_orderdate": "date", "o_orderpriority": "text", "o_clerk": "text", "o_shippriority": "integer",
        "o_comment": "text",
    },
    "lineitem": {
        "l_orderkey": "bigint", "l_partkey": "bigint", "l_suppkey": "bigint", "l_linenumber": "integer",
        "l_quantity": "integer", "l_extendedprice": MONEY, "l_discount": MONEY, "l_tax": MONEY, "l_returnflag": "text",
        "l_linestatus": "text", "l_shipdate": "date", "l_commitdate": "date", "l_receiptdate": "date",
        "l_shipinstruct": "text", "l_shipmode": "text", "l_comment": "text",
    },
}  # fmt: skip
WRITTEN, CORRECTED = "1998-12-02 00:00:00+00", "1998-12-03 00:00:00+00"
NOW = "1998-12-04T00:00:00+00:00"
FIRST, LAST = "1992-01-01", "1998-12-01"

_FAULTS = f"""
    CREATE TEMP TABLE again AS SELECT * FROM orders WHERE o_orderkey % 100 = 0;
    UPDATE again SET updated_at = '{CORRECTED}', o_totalprice = o_totalprice + 1;
    UPDATE again SET o_orderstatus = 'X' WHERE o_orderkey % 10000 = 0 AND o_orderdate > '1992-06-30';
    INSERT INTO orders SELECT * FROM again;
    DROP TABLE again;
    CREATE TEMP TABLE again AS SELECT * FROM lineitem WHERE l_orderkey % 100 = 0;
    UPDATE again SET updated_at = '{CORRECTED}', l_extendedprice = l_extendedprice + 1;
    UPDATE again SET l_quantity = 0 WHERE l_orderkey % 10000 = 0 AND l_shipdate > '1992-06-30';
    INSERT INTO lineitem SELECT * FROM again;
    DROP TABLE again;
    ALTER TABLE orders ADD PRIMARY KEY (o_orderkey, updated_at);
    ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber, updated_at);
    ANALYZE;
"""


def load(server: Postgres, scale: float) -> dict[str, int]:
    """Generates the tables straight into the server, and returns their rows."""
    connection = psycopg2.connect(server.dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for table, columns in TABLES.items():
            listed = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
            cursor.execute(f"CREATE UNLOGGED TABLE {table} ({listed})")
            generator = Path(sys.executable).with_name("tpchgen-cli")
            command = [str(generator), "csv", "-s", str(scale), "--tables", table, "--stdout", "--quiet"]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv, HEADER)", process.stdout)
            if process.returncode:
                raise RuntimeError(f"tpchgen-cli stopped with {process.returncode}")
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN updated_at timestamptz NOT NULL DEFAULT '{WRITTEN}'")
        cursor.execute(_FAULTS)
        rows = {}
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            rows[table] = cursor.fetchone()[0]
    connection.close()
    return rows
