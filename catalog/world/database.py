"""Head office's database: three tables without constraints, as a replica fed by the stores' sync has them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import polars as pl
import psycopg2
from psycopg2 import sql

_TABLES = """
CREATE TABLE IF NOT EXISTS public.orders (
    order_id bigint, store_id integer, ordered_at timestamptz, updated_at timestamptz, customer_id uuid,
    items integer, items_total numeric(12,2), discount_total numeric(12,2), refund_total numeric(12,2),
    order_total numeric(12,2), currency text, payment text);
CREATE INDEX IF NOT EXISTS orders_updated_at ON public.orders (updated_at);
CREATE INDEX IF NOT EXISTS orders_order_id ON public.orders (order_id);
CREATE INDEX IF NOT EXISTS orders_ordered_at ON public.orders (ordered_at);
CREATE TABLE IF NOT EXISTS public.stores (
    store_id integer, name text, region text, format text, opened_on date, has_database boolean);
CREATE TABLE IF NOT EXISTS public.stock_counts (
    region text, sku text, counted_at timestamptz, on_hand bigint, stock_value numeric(14,2));
CREATE INDEX IF NOT EXISTS stock_counts_counted_at ON public.stock_counts (counted_at);
"""
_OF_DAY = "(ordered_at AT TIME ZONE 'Asia/Tashkent')::date = %s"
# Six orders in ten, told by their number, so that breaking and mending meet the same rows.
_TOUCHED = "order_id %% 10 < 6 AND order_total > 0 AND currency = 'UZS'"
_LATER = "(SELECT max(updated_at) + interval '30 minutes' FROM public.orders WHERE updated_at < now())"


class Database:
    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        with self.cursor() as cursor:
            cursor.execute(_TABLES)

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """One transaction."""
        connection = psycopg2.connect(self.dsn)
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def copy(self, table: str, rows: pl.DataFrame) -> None:
        """All rows by COPY, in one transaction. An empty field is NULL, a quoted empty one is ''."""
        with tempfile.TemporaryFile() as file, self.cursor() as cursor:
            rows.write_csv(file)
            file.seek(0)
            command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER)").format(
                sql.Identifier("public", table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
            )
            cursor.copy_expert(command, file)

    def write_totals_in_tiyin(self, day: date) -> int:
        """The fault: an export job that multiplies order_total by a hundred. Returns the rows it touched."""
        return self._rewrite("order_total * 100", day)

    def mend_totals(self, day: date) -> int:
        return self._rewrite("items_total - discount_total", day)

    def latest_order(self) -> datetime | None:
        """The newest change, leaving out those that claim to be of the future."""
        with self.cursor() as cursor:
            cursor.execute("SELECT max(updated_at) FROM public.orders WHERE updated_at < now()")
            (latest,) = cursor.fetchone()
        return latest  # type: ignore[no-any-return]

    def count_by_day(self, table: str, column: str) -> dict[date | None, int]:
        statement = sql.SQL(
            "SELECT ({} AT TIME ZONE 'Asia/Tashkent')::date, count(*) FROM {} GROUP BY 1 ORDER BY 1"
        ).format(sql.Identifier(column), sql.Identifier("public", table))
        with self.cursor() as cursor:
            cursor.execute(statement)
            return dict(cursor.fetchall())

    def _rewrite(self, total: str, day: date) -> int:
        with self.cursor() as cursor:
            cursor.execute(
                f"UPDATE public.orders SET order_total = {total}, updated_at = {_LATER} WHERE {_OF_DAY} AND {_TOUCHED}",
                (day,),
            )
            return int(cursor.rowcount)
