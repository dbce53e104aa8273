"""The whole pipeline as plain steps, without an orchestrator, over a tiny catalog of one source and one product.

    shop = Shop(tmp_path)
    shop.drop("monday.csv", sale(1, "2026-05-04T10:00:00"))
    shop.ingest()                      # plan -> land -> commit -> refine -> commit
    shop.refresh("2026-05-04")         # the same, then build -> audit -> publish

As a program it does the same in a process of its own, to be killed at a failpoint:
    python -m tests.support.pipeline FOLDER ingest [RUN] | refresh INTERVAL
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

import polars as pl

from sluice.catalog import load
from sluice.lake.table import Lake, Snapshot
from sluice.model.facts import Split
from sluice.model.interval import Interval
from sluice.ops import memory
from sluice.sources.base import Reach
from sluice.steps import build, demand, land, publish, refine
from sluice.steps.workspace import Workspace, new_run

SOURCE = """\
    source: sales
    description: What the tills of a small shop sold.
    owner: shop
    kind: files
    uri: LANDING
    glob: "*.csv"
    format: csv
    position: {mode: files}
    stable_for: 0s
    event_time: sold_at
    timezone: Asia/Tashkent
    key: [id]
    latest_by: changed_at
    reject_budget: 30%
    columns:
      id:         {type: int64, nullable: false}
      sold_at:    {type: timestamp, nullable: false}
      changed_at: {type: timestamp}
      amount:     {type: "decimal(12,2)", nullable: false, min: 0}
"""
PRODUCT = """\
    product: takings
    title: Takings per day
    description: What the shop took on each day.
    owners: {platform: shop, business: shop}
    tags: [gold]
    schedule: {cron: "0 6 * * *", timezone: Asia/Tashkent, start: 2026-05-01}
    inputs:
      sales: {source: sales}
    output:
      key: [sold_on]
      interval: sold_on
      columns:
        sold_on: {type: date, nullable: false}
        sold:    {type: int64, nullable: false}
        revenue: {type: "decimal(18,2)"}
    gate:
      - {id: G1, expect: expect_table_row_count_to_be_between, with: {min_value: 1}}
      - {id: G2, expect: expect_column_values_to_be_between, with: {column: revenue, max_value: 1000000}}
    reconcile:
      - {id: C1, gold: sum(revenue), inputs: sum(sales.amount)}
    metrics: {revenue: sum(revenue)}
    freshness: {by: "07:30"}
    alerts: {route: shop}
"""
TRANSFORM = """\
    import polars as pl

    def takings(sales):
        day = pl.col("sold_at").dt.convert_time_zone("Asia/Tashkent").dt.date()
        revenue = pl.col("amount").sum().cast(pl.Decimal(18, 2))
        return sales.group_by(sold_on=day).agg(sold=pl.len().cast(pl.Int64), revenue=revenue)
"""
SAMPLE = "id,sold_at,changed_at,amount\n1,2026-05-01T10:00:00,2026-05-01T10:00:00,10.00\n"
F = TypeVar("F")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def sale(id_: object, sold_at: str, amount: object = "10.00", changed_at: str | None = None) -> dict[str, object]:
    """A row of the tills; it was changed when it was sold, unless said otherwise."""
    return {"id": id_, "sold_at": sold_at, "changed_at": changed_at or sold_at, "amount": amount}


def day_of_sales(day: str, ids: Sequence[int], amount: str = "10.00") -> list[dict[str, object]]:
    return [sale(id_, f"{day}T12:00:00", amount) for id_ in ids]


@dataclass
class Shop:
    """A catalog, a landing folder and a lake under one folder, or a lake elsewhere."""

    root: Path
    source: str = SOURCE
    product: str = PRODUCT
    transform: str = TRANSFORM
    lake: Lake | None = None
    address: str = ""
    refine_rows: int = 1_000_000
    eager_rows: int = 2_000_000
    memory: str = "4GB"
    now: datetime = NOW
    _runs: Any = field(default_factory=lambda: count(1))
    _drops: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.landing.mkdir(parents=True, exist_ok=True)
        self.lake = self.lake or Lake(str(self.root / "lake"))
        if not (self.root / "catalog").exists():
            self.declare()

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    def declare(self, source: str | None = None, product: str | None = None, transform: str | None = None) -> None:
        """Writes the catalog, with new contracts where given."""
        self.source, self.product = source or self.source, product or self.product
        self.transform = transform or self.transform
        _write(self.root / "catalog/sources/sales/source.yaml", self.source.replace("LANDING", str(self.landing)))
        _write(self.root / "catalog/sources/sales/samples/rows.csv", SAMPLE)
        _write(self.root / "catalog/products/takings/contract.yaml", self.product)
        _write(self.root / "catalog/products/takings/transform.py", self.transform)
        _write(self.root / "catalog/products/takings/samples/sales.csv", SAMPLE)
        _write(
            self.root / "catalog/products/takings/samples/expected.csv", "sold_on,sold,revenue\n2026-05-01,1,10.00\n"
        )

    def drop(self, name: str, *rows: dict[str, object]) -> Path:
        """Lands a CSV file of these rows, or puts it in the place of the former."""
        columns = list(dict.fromkeys(c for row in rows for c in row)) or ["id", "sold_at", "changed_at", "amount"]
        lines = [",".join("" if row.get(c) is None else str(row[c]) for c in columns) for row in rows]
        return self.drop_text(name, "\n".join([",".join(columns), *lines]) + "\n")

    def drop_text(self, name: str, text: str) -> Path:
        path = self.landing / name
        path.write_text(text, encoding="utf-8")
        written = self.now.timestamp() - 86_400 + next(self._drops)  # long ago by the shop's clock, and never twice
        os.utime(path, (written, written))
        return path

    @property
    def ws(self) -> Workspace:
        """The workspace as a run of its own would have it: everything is read anew."""
        assert self.lake is not None
        return Workspace(
            lake=self.lake,
            catalog=load(self.root / "catalog"),
            reach=Reach(lambda name: self.address, lambda name: "", self.lake.storage, lambda: self.now),
            actor="tests",
            refine_rows=self.refine_rows,
            eager_rows=self.eager_rows,
            memory=memory.cap(self.memory),
        )

    def run(self) -> str:
        return f"run{next(self._runs):03}"

    def ingest(self, want: Sequence[Interval] = (), run: str | None = None) -> tuple[land.Landed, refine.Refined]:
        return ingest(self.ws, "sales", run or self.run(), want)

    def refresh(self, text: str, run: str | None = None, *, ingesting: bool = True) -> publish.Published:
        ws, run = self.ws, run or self.run()
        intervals = demand.parse(ws, "takings", text)
        if ingesting:
            ingest(ws, "sales", run, intervals)
        return refresh(ws, "takings", intervals, run)

    def snapshot(self, layer: str) -> Snapshot:
        assert self.lake is not None
        found = self.lake.table(layer, "takings" if layer == "gold" else "sales").snapshot()
        assert found is not None, f"{layer} has never been written"
        return found

    def rows(self, layer: str) -> pl.DataFrame:
        return self.snapshot(layer).scan().collect()

    def silver(self) -> dict[int, tuple[str, str]]:
        """id -> (day, amount), of every row; an id that stands twice fails the test that asks."""
        rows = self.rows("silver")
        assert rows["id"].is_unique().all(), f"ids stand twice in silver: {rows['id'].to_list()}"
        return {r["id"]: (r["_event_on"].isoformat(), str(r["amount"])) for r in rows.iter_rows(named=True)}

    def gold(self) -> dict[str, tuple[int, str]]:
        """day -> (sales, revenue)."""
        return {
            r["sold_on"].isoformat(): (r["sold"], str(r["revenue"])) for r in self.rows("gold").iter_rows(named=True)
        }

    def files(self, layer: str) -> dict[str | None, list[str]]:
        """The live files by partition."""
        found: dict[str | None, list[str]] = {}
        for file in self.snapshot(layer).files():
            found.setdefault(file.partition, []).append(file.path)
        return {day: sorted(paths) for day, paths in found.items()}


def ingest(ws: Workspace, source: str, run: str, want: Sequence[Interval] = ()) -> tuple[land.Landed, refine.Refined]:
    """Land and refine one source; every fact goes through JSON, as it does between processes."""
    return land_all(ws, source, run, want), refine_all(ws, source, run)


def land_all(ws: Workspace, source: str, run: str, want: Sequence[Interval] = ()) -> land.Landed:
    plan = through_json(land.plan(ws, source, run, want))
    parts = [through_json(land.land_split(ws, plan, Split.from_dict(s))) for s in plan.splits]
    return land.commit_landing(ws, plan, parts)


def refine_all(ws: Workspace, source: str, run: str) -> refine.Refined:
    plan = through_json(refine.plan(ws, source, run))
    return refine.commit_refining(ws, plan, [through_json(refine.refine_days(ws, plan, g)) for g in plan.groups])


def refresh(ws: Workspace, product: str, intervals: Sequence[Interval], run: str) -> publish.Published:
    from sluice.steps import audit

    plan = through_json(build.plan(ws, product, intervals, run))
    candidates = [through_json(build.build(ws, plan, chunk)) for chunk in plan.chunks]
    verdicts = {}
    for candidate in candidates:
        verdicts |= audit.audit(ws, plan, candidate)
    return publish.publish(ws, plan, candidates, {k: through_json(v) for k, v in verdicts.items()})


def through_json(fact: F) -> F:
    return type(fact).from_dict(json.loads(json.dumps(fact.as_dict())))  # type: ignore[attr-defined]


def main(folder: str, what: str, *text: str) -> None:
    rows = int(os.environ.get("SLUICE_REFINE_ROWS", "1000000"))
    shop = Shop(Path(folder), refine_rows=rows, memory=os.environ.get("SLUICE_MEMORY", "4GB"))
    if what == "ingest":
        shop.ingest(run=text[0] if text else new_run())
    else:
        shop.refresh(*text, run=new_run())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
