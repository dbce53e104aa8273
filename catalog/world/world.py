"""TuranMart's world: a real database, a real shop API and a real drop folder, with declared faults.

    with World.start(folder, days=[date(2026, 5, 1)], orders_per_day=2000) as world:
        os.environ.update(world.environment)

The truth is kept beside what the sources show, so that every published number and every rejected row can be
checked from outside: `expected`, `declared`, `ledger`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from catalog.world import oracle
from catalog.world.arrivals import arrive, drop_files
from catalog.world.database import Database
from catalog.world.drop import Drop
from catalog.world.faults import WHOLE_FILE, Declared, Fault, Kind
from catalog.world.generate import ONLINE, ORDERS, TILLS, local
from catalog.world.postgres import Postgres
from catalog.world.shop_api import ShopApi
from catalog.world.truth import Truth
from catalog.world.wire import on_the_wire

TOKEN = "turanmart-demo-token"  # opens a server on 127.0.0.1 that lives as long as the demo


class World:
    def __init__(self, folder: Path, server: Postgres, *, orders_per_day: int, seed: int) -> None:
        self.truth = Truth(orders_per_day=orders_per_day, seed=seed)
        self.database = Database(server.dsn)
        self.shop = ShopApi(TOKEN)
        self.drop = Drop(folder / "till_drop")
        self.declared: list[Declared] = []
        self._server = server
        self.database.copy("stores", self.truth.stores)

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        days: Sequence[date] = (),
        orders_per_day: int = 2000,
        faults: Mapping[date, Sequence[Fault]] | None = None,
        seed: int = 2026,
    ) -> Self:
        """Start all servers and let `days` arrive. `faults` are by day."""
        server = Postgres.start(folder / "postgres")
        try:
            world = cls(folder, server, orders_per_day=orders_per_day, seed=seed)
        except BaseException:
            server.stop()
            raise
        try:
            for day in days:
                world.add_day(day, *(faults or {}).get(day, ()))
        except BaseException:
            world.stop()
            raise
        return world

    @property
    def environment(self) -> dict[str, str]:
        """What `sluice` has to be told to find this world, and, once days have arrived, what time it is there."""
        clock = {"SLUICE_NOW": self.now.isoformat()} if self.days else {}
        return clock | {
            "SLUICE_CONNECTIONS__ORDERS_DB": self._server.dsn,
            "SLUICE_CONNECTIONS__SHOP_API": self.shop.url,
            "SLUICE_CONNECTIONS__TILL_DROP": str(self.drop.folder.resolve()),
            "SLUICE_SECRETS__SHOP_TOKEN": TOKEN,
        }

    @property
    def days(self) -> list[date]:
        return self.truth.days

    @property
    def now(self) -> datetime:
        """The morning after the last day, when its products are due: what the pipeline's clock should say."""
        return local(self.days[-1] + timedelta(days=1), 7)

    def add_day(self, day: date, *faults: Fault) -> None:
        """A day arrives at every source."""
        true = self.truth.add_day(day, faults)
        for fault in faults:
            if fault.kind == Kind.LATE_ROWS:
                self._deliver_late(day - timedelta(days=1), fault.rows, fault.source, seen_on=day)
        orders = arrive(ORDERS, day, true.store_orders, faults)
        online = arrive(ONLINE, day, true.online_orders, faults)
        self.database.copy("orders", orders.rows)
        self.database.copy("stock_counts", on_the_wire("inventory", true.inventory))
        self.shop.put(online.rows)
        files = drop_files(self.drop, day, true.till_files, faults)
        self.declared += [*orders.declared, *online.declared, *files]
        if any(fault.kind == Kind.WRONG_TOTALS for fault in faults):
            self.break_day(day)

    def add_late_rows(self, day: date, rows: int = 1, source: str = ORDERS) -> None:
        """True orders of a past day that the source shows only on the morning after the last day."""
        self._deliver_late(day, rows, source, seen_on=self.days[-1] + timedelta(days=1))

    def break_day(self, day: date) -> int:
        """The order export writes totals in tiyin: each row looks right, the day is wrong. Rows touched."""
        self.declared.append(Declared(Kind.WRONG_TOTALS, ORDERS, day, "refused", reason="C2", origin="public.orders"))
        return self.database.write_totals_in_tiyin(day)

    def mend_day(self, day: date) -> int:
        """Head office runs the export again. Rows touched."""
        return self.database.mend_totals(day)

    def expected(self, day: date, product: str = "daily_sales") -> list[oracle.Row]:
        """The right rows of a product, worked out independently of its transform."""
        return self.truth.expected(day, product)

    def ledger(self) -> dict[str, dict[date | None, int]]:
        """Rows each source shows now, by local day; None: no day can be read. Counted at the sources themselves.

        A file that is wrong as a whole counts as one row, and every file goes by the day in its name.
        """
        whole = {each.origin for each in self.declared if each.kind in WHOLE_FILE}
        files: Counter[date | None] = Counter()
        for name, rows in self.drop.rows().items():
            files[date.fromisoformat(name[9:19])] += 1 if name in whole else rows
        shown = self.shop.orders()
        online: Counter[date | None] = Counter()
        if shown.height:
            at = pl.col("ordered_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_zone="UTC", strict=False)
            online.update(shown.select(at.dt.convert_time_zone("Asia/Tashkent").dt.date()).to_series().to_list())
        return {
            ORDERS: self.database.count_by_day("orders", "ordered_at"),
            TILLS: dict(files),
            ONLINE: dict(online),
            "stores": {None: self.truth.stores.height},
            "inventory": self.database.count_by_day("stock_counts", "counted_at"),
        }

    def _deliver_late(self, day: date, rows: int, source: str, seen_on: date) -> None:
        latest = self.database.latest_order() if source == ORDERS else self.shop.latest()
        seen = max(local(seen_on), latest or local(seen_on)) + timedelta(minutes=1)  # past any reader's position
        late = on_the_wire(source, self.truth.add_late(day, rows, source, seen))
        if source == ORDERS:
            self.database.copy("orders", late)
        else:
            self.shop.put(late)
        self.declared += [Declared(Kind.LATE_ROWS, source, day, "accepted", key=key) for key in late["order_id"]]

    def stop(self) -> None:
        self.shop.stop()
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
