"""A product's inputs for an interval: which pinned files, whether they are all there, and one fingerprint of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import polars as pl

from sluice.lake import naming
from sluice.lake.table import ActiveFile, Snapshot
from sluice.model.facts import Fact
from sluice.model.interval import Calendar, Interval
from sluice.model.product import Input, ProductContract
from sluice.steps.publications import app
from sluice.steps.refine import last_refining
from sluice.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Reading(Fact):
    """What one input holds for one interval, in the pinned version."""

    table: str
    version: int | None
    partitions: tuple[str, ...]
    rows: int
    content: str
    refused: str | None = None  # why the newest rows of the interval are not in silver
    missing: tuple[str, ...] = ()  # intervals of an upstream product that have never been published

    def as_dict(self) -> dict[str, Any]:
        """Without the deep copy of `asdict`, which was a tenth of planning 400 days."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Pinned:
    """All inputs of a product, each at one version for the whole run."""

    def __init__(self, ws: Workspace, contract: ProductContract, versions: dict[str, int | None] | None = None) -> None:
        self.ws, self.contract = ws, contract
        self.snapshots: dict[str, Snapshot | None] = {}
        self._refusals: dict[str, dict[str, Any]] = {}
        self._latest: dict[str, list[ActiveFile]] = {}
        self._calendar = contract.calendar
        for name, each in contract.inputs.items():
            table = ws.silver(each.source) if each.source else ws.gold(each.product or "")
            known = versions is not None
            version = versions.get(name) if versions else None
            self.snapshots[name] = None if known and version is None else table.snapshot(version)

    @property
    def versions(self) -> dict[str, int | None]:
        return {name: snapshot.version if snapshot else None for name, snapshot in self.snapshots.items()}

    def look_ahead(self, intervals: Sequence[Interval]) -> None:
        """Finds the files of all these intervals at once; each is asked for by itself after that."""
        for name, each in self.contract.inputs.items():
            snapshot = self.snapshots[name]
            if snapshot is None or each.as_of == "latest":
                continue
            self._files(name, intervals, lookback=True)
            if each.product:
                labels = {label for i in intervals for label in self._partitions(each, i, lookback=False)}
                snapshot.transactions(app(each.product, label) for label in labels)

    def reading(self, name: str, interval: Interval) -> Reading:
        """The input's facts for the interval itself; what the lookback adds counts into the fingerprint."""
        each, snapshot = self.contract.inputs[name], self.snapshots[name]
        table = f"silver.{each.source}" if each.source else f"gold.{each.product}"
        if snapshot is None:
            return Reading(table, None, (), 0, naming.digest("absent"))
        own = self._files(name, [interval], lookback=False)
        read = self._files(name, [interval], lookback=True) if each.lookback else own
        partitions = tuple(sorted({f.partition or "" for f in own}))
        refused = None
        if each.source:
            refusals = self._refused(name, snapshot)
            days = self._partitions(each, interval, True) if refusals else ()
            refused = next((refusals[d]["what"] for d in days if d in refusals), None)
        if strange := [f.path for f in read if not naming.is_ours(f.path)]:
            refused = f"another tool has written {strange[0]} into it"
        content = naming.digest(*sorted(f"{f.partition}:{f.content}" for f in read))
        rows, missing = sum(f.rows for f in own), self._missing(each, snapshot, interval)
        return Reading(table, snapshot.version, partitions, rows, content, refused, missing)

    def rows_read(self, name: str, interval: Interval) -> int:
        """Rows of the files that are read for an interval, what the lookback adds among them."""
        return 0 if self.snapshots[name] is None else sum(f.rows for f in self._files(name, [interval], lookback=True))

    def frame(self, name: str, intervals: Sequence[Interval], *, lookback: bool = True) -> pl.LazyFrame | None:
        """The rows the transform gets for these intervals; None where the input was never there."""
        each, snapshot = self.contract.inputs[name], self.snapshots[name]
        if snapshot is None:
            return None
        rows = snapshot.scan(self._files(name, intervals, lookback=lookback))
        return rows if each.as_of == "latest" or not each.source else self._exactly(rows, each, intervals, lookback)

    def _missing(self, each: Input, snapshot: Snapshot, interval: Interval) -> tuple[str, ...]:
        """A week of six days is no week. What was published without rows is there."""
        if each.product is None or each.as_of == "latest":
            return ()
        upstream = self.ws.catalog.product(each.product)
        return tuple(
            label
            for label in self._partitions(each, interval, lookback=False)
            if upstream.calendar.parse(label).first_day >= upstream.schedule.start
            and not snapshot.transaction(app(each.product, label))
        )

    def _exactly(self, rows: pl.LazyFrame, each: Input, intervals: Sequence[Interval], lookback: bool) -> pl.LazyFrame:
        """Partitions are local days of the source; where the product cuts time otherwise, rows are filtered too."""
        source = self.ws.catalog.source(each.source or "")
        same_zone = source.timezone == self.contract.schedule.timezone
        if (same_zone and self.contract.interval != "hour") or not source.event_time:
            return rows
        if source.columns[source.event_time].parsed.name == "date":
            return rows
        start, end = self._span(each, intervals, lookback)
        return rows.filter(pl.col(source.event_time).is_between(start, end, closed="left"))

    def _files(self, name: str, intervals: Sequence[Interval], *, lookback: bool) -> list[ActiveFile]:
        each, snapshot = self.contract.inputs[name], self.snapshots[name]
        assert snapshot is not None
        if each.as_of == "latest":
            if name not in self._latest:
                files = snapshot.files()
                newest = max((f.partition or "" for f in files), default=None)
                self._latest[name] = [f for f in files if f.partition == newest]
            return self._latest[name]
        wanted = {label for i in intervals for label in self._partitions(each, i, lookback)}
        return snapshot.in_partitions(sorted(wanted))

    def _partitions(self, each: Input, interval: Interval, lookback: bool) -> list[str]:
        """The input's partitions that an interval needs: local days of a source, intervals of a product."""
        if each.source:
            calendar = Calendar("day", self.ws.catalog.source(each.source).timezone)
        else:
            calendar = self.ws.catalog.product(each.product or "").calendar
        start, end = self._span(each, [interval], lookback)
        if calendar == self._calendar and start == interval.start:
            return [interval.label]
        return [i.label for i in calendar.between(calendar.holding(start).start, end)]

    def _span(self, each: Input, intervals: Sequence[Interval], lookback: bool) -> tuple[Any, Any]:
        back = (each.lookback or timedelta(0)) if lookback else timedelta(0)
        return min(i.start for i in intervals) - back, max(i.end for i in intervals)

    def _refused(self, name: str, snapshot: Snapshot) -> dict[str, Any]:
        if name not in self._refusals:
            self._refusals[name] = (last_refining(snapshot) or {}).get("refused", {})
        return self._refusals[name]


def interval_label(column: str, contract: ProductContract) -> pl.Expr:
    """The label of the interval that a row of the output belongs to."""
    value = pl.col(column)
    if contract.output.columns[column].parsed.name == "timestamp":
        value = value.dt.convert_time_zone(contract.schedule.timezone)
        if contract.interval == "hour":
            return value.dt.to_string("%Y-%m-%dT%H%z")
        value = value.dt.date()
    if contract.interval == "week":
        return value.dt.truncate("1w").dt.to_string("%Y-%m-%d")
    return value.dt.to_string("%Y-%m" if contract.interval == "month" else "%Y-%m-%d")
