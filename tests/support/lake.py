"""A lake on disk and single tables in it, for tests of what commits and what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from sluice.lake.commit import Committed, commit
from sluice.lake.table import ActiveFile, Lake, Snapshot, Table
from sluice.model.facts import StagedFile

NUMBERS = pl.Schema({"n": pl.Int64})
BY_DAY = pl.Schema({"n": pl.Int64, "day": pl.String})


def table(folder: Path, layer: str = "gold", name: str = "numbers") -> Table:
    return Lake(str(folder)).table(layer, name)


def stage(where: Table, *numbers: int, run: str, day: str | None = None) -> StagedFile:
    frame = pl.DataFrame({"n": numbers}, schema=NUMBERS)
    return where.write(frame, f"{run}-{day or 'all'}", {"day": day} if day else None)


def append(where: Table, *numbers: int, run: str, **more: Any) -> Committed:
    """Commits one file of these numbers."""
    more.setdefault("metadata", {"kind": "test"})
    return commit(where, NUMBERS, run=run, add=[stage(where, *numbers, run=run)], **more)


def replace_day(where: Table, day: str, *numbers: int, run: str, **more: Any) -> Committed:
    """Puts one file of these numbers in the place of a partition."""

    def standing(current: Snapshot) -> list[ActiveFile]:
        return current.in_partitions([day])

    file = stage(where, *numbers, run=run, day=day)
    more.setdefault("metadata", {"kind": "test"})
    return commit(where, BY_DAY, run=run, add=[file], remove=standing, partition="day", **more)


def numbers(where: Table, version: int | None = None) -> list[int]:
    snapshot = where.snapshot(version)
    return [] if snapshot is None else sorted(snapshot.scan().collect()["n"])


def log_entry(where: Table, version: int) -> Path:
    return Path(where.uri) / "_delta_log" / f"{version:020}.json"


def logged(where: Table, version: int) -> dict[str, Any]:
    """The actions of a log entry by kind, read as JSON and not by a library."""
    found: dict[str, Any] = {"add": [], "remove": [], "txn": []}
    for line in log_entry(where, version).read_text().splitlines():
        for kind, action in json.loads(line).items():
            if kind in ("add", "remove", "txn"):
                found[kind].append(action)
            else:
                found[kind] = action
    return found


def bytes_of(where: Table) -> dict[str, bytes]:
    """Every data file in the table's folder, committed or not."""
    root = Path(where.uri)
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*.parquet"))}
