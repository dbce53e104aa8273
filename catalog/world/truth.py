"""What really happened, whatever the sources show: each day's true rows, and the right numbers of every product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl

from catalog.world import oracle
from catalog.world.faults import FUTURE, Fault, Kind
from catalog.world.generate import INSTANT, NEW_STORE, ORDERS, Day, generate_day, stores
from catalog.world.wire import key_of, renumbered

EXTRAS_FROM, LATE_FROM = 8_000_000, 7_000_000  # order numbers that no generated row has


class Truth:
    def __init__(self, *, orders_per_day: int, seed: int) -> None:
        self.orders_per_day, self.seed = orders_per_day, seed
        self.stores = stores()
        self._days: dict[date, Day] = {}
        self._late = 0

    @property
    def days(self) -> list[date]:
        return sorted(self._days)

    def day(self, day: date) -> Day:
        return self._days[day]

    def add_day(self, day: date, faults: Sequence[Fault] = ()) -> Day:
        """The day's true rows, with those that only tempt a pipeline to lose them."""
        if day in self._days:
            raise ValueError(f"{day} has arrived already")
        true = generate_day(day, self.orders_per_day, self.seed)
        for number, fault in enumerate(faults):
            if fault.kind in (Kind.UNKNOWN_STORE, Kind.FUTURE_CURSOR):
                extra = _copies(true, fault.source, fault.rows, EXTRAS_FROM + number * 1000)
                if fault.kind == Kind.UNKNOWN_STORE:
                    extra = extra.with_columns(store_id=pl.lit(NEW_STORE, dtype=pl.Int32))
                else:
                    extra = extra.with_columns(updated_at=pl.lit(FUTURE).cast(INSTANT))
                true = _with(true, fault.source, extra)
        self._days[day] = true
        return true

    def add_late(self, day: date, rows: int, source: str, seen: datetime) -> pl.DataFrame:
        """True orders of a past day, which the source shows at the instant `seen` only."""
        self._late += 1
        late = _copies(self._days[day], source, rows, LATE_FROM + self._late * 10_000)
        late = late.with_columns(updated_at=pl.lit(seen).cast(INSTANT))
        self._days[day] = _with(self._days[day], source, late)
        return late

    def expected(self, day: date, product: str = "daily_sales") -> list[oracle.Row]:
        """The right rows of a product, worked out independently of its transform."""
        truth = list(self._days.values())
        regions = dict(self.stores.select("store_id", "region").iter_rows())
        if product == "daily_sales":
            return oracle.daily_sales(truth, regions, day)
        window = [each for each in self.days if day - timedelta(days=6) <= each <= day]
        sales = {each: oracle.daily_sales(truth, regions, each) for each in window}
        if product == "daily_revenue":
            return oracle.daily_revenue(sales, day)
        if product == "region_inventory_risk":
            return oracle.region_inventory_risk(sales, truth, day)
        raise ValueError(f"TuranMart has no product {product!r}")


def _copies(day: Day, source: str, rows: int, first: int) -> pl.DataFrame:
    """True sales like the day's first ones, under numbers of their own."""
    good = _table(day, source)
    sample = good.filter(pl.col("order_total") > 0).head(rows)
    key = key_of(source)
    numbers = renumbered(source, sample.select(key), day.on, first)[key].cast(good.schema[key])
    return sample.with_columns(numbers)


def _table(day: Day, source: str) -> pl.DataFrame:
    return day.store_orders if source == ORDERS else day.online_orders


def _with(day: Day, source: str, extra: pl.DataFrame) -> Day:
    rows = pl.concat([_table(day, source), extra])
    return replace(day, store_orders=rows) if source == ORDERS else replace(day, online_orders=rows)
