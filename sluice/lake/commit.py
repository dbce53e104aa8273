"""The only place that commits. Compare-and-swap on one snapshot, and the truth after a failed reply.

What trials showed, and this file is built around:
- delta-rs accepts the same application version twice from a fresh snapshot: so read the version, compare, and
  commit with that same table object; a stale one is then refused.
- a commit that reports failure may have landed (3 of 6 did, with the reply to the log PUT lost): so after any
  error the table is reopened and asked whether our run is in it.
- a stale snapshot is refused where another commit took one of our files away or moved our application: reload, ask
  again what to remove and commit again; the files are staged, so a retry costs milliseconds. Give up only when the
  application version has moved.
- a step that was killed after its commit is run again with the same run: it finds that commit, and is done.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sluice.errors import Broken, Transient
from sluice.lake import stage
from sluice.lake.ledger import METADATA_KEY, run_of
from sluice.lake.table import CONFIGURATION, ActiveFile, Snapshot, Table
from sluice.model.facts import StagedFile

log = logging.getLogger(__name__)

_ATTEMPTS = 20
_OWN_COMMIT_WITHIN = 1000  # commits looked through for a commit of our own that a killed step did not tell of


@dataclass(frozen=True, slots=True)
class Committed:
    """Where a commit stands in the table's log."""

    version: int
    previous: int | None


def commit(
    table: Table,
    schema: pl.Schema,
    *,
    run: str,
    add: Sequence[StagedFile],
    remove: Callable[[Snapshot], Sequence[ActiveFile]] | None = None,
    expect: Mapping[str, int] | None = None,
    metadata: Mapping[str, Any],
    partition: str | None = None,
) -> Committed:
    """Adds and removes files, moves applications from the expected version to the next, and writes `metadata`: at once.

    `remove` is asked against the snapshot that is committed on, so that it never misses a file that came meanwhile.
    Raises Transient lake.conflict when an application's version is not the expected one: somebody else did the work.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction

    expect = expect or {}
    snapshot = _prepared(table, schema, partition)
    moved_to = {app: version + 1 for app, version in expect.items()}
    properties = CommitProperties(
        custom_metadata={METADATA_KEY: json.dumps({**metadata, "run": run}, default=str)},
        app_transactions=[Transaction(app, version) for app, version in moved_to.items()],
    )
    now = int(time.time() * 1000)
    adds = [AddAction(f.path, f.size, dict(f.partition), now, True, f.stats) for f in add]
    for attempt in range(_ATTEMPTS):
        ours = _committed_before(table, snapshot, expect, run)
        if ours is not None:
            return Committed(ours, ours - 1)
        removes = [
            RemoveAction(f.path, True, now, f.size, {partition: f.partition} if partition else None)
            for f in (remove(snapshot) if remove else ())
        ]
        previous = snapshot.version
        try:
            snapshot.delta.create_write_transaction(
                [*adds, *removes], "append", snapshot.delta.schema(), [partition] if partition else None,
                commit_properties=properties,
            )  # fmt: skip
        except (CommitFailedError, DeltaError, OSError) as error:
            log.info("commit to %s failed on version %s: %s", table, previous, error)
            landed = find_run(table, run, since=previous)
            if landed is not None:
                return Committed(landed, landed - 1)
            time.sleep(random.uniform(0, min(0.02 * 2**attempt, 1.0)))
            fresh = table.snapshot()
            assert fresh is not None
            snapshot, last = fresh, error
            continue
        version = find_run(table, run, since=previous)
        if version is None:
            raise Broken("lake.corrupt", f"the commit of run {run} to {table} is not in its log", table.uri)
        _flush(table, version)
        return Committed(version, version - 1)
    raise Transient("lake.unavailable", f"{_ATTEMPTS} commits to {table} failed: {last}", table.uri) from last


def find_run(table: Table, run: str, since: int) -> int | None:
    """The version that `run` committed after version `since`, if it did."""
    version = since + 1
    while (text := table.entry(version)) is not None:
        if run_of(text) == run:
            return version
        version += 1
    return None


def _prepared(table: Table, schema: pl.Schema, partition: str | None) -> Snapshot:
    """The table, created or widened where it has to be; both are commits that change no row."""
    from deltalake import DeltaTable, Field, Schema
    from deltalake.exceptions import DeltaError

    _refuse_twins(table, schema.names())
    wanted = Schema.from_arrow(schema)
    snapshot = table.snapshot()
    if snapshot is None:
        if stage.is_local(table.lake.root):
            Path(table.uri).mkdir(parents=True, exist_ok=True)
        try:
            DeltaTable.create(
                table.uri, wanted, mode="ignore", partition_by=[partition] if partition else None,
                configuration=CONFIGURATION, storage_options=table.lake.storage or None,
            )  # fmt: skip
        except DeltaError as error:  # two first writers: the other one made it
            log.info("creating %s: %s", table, error)
        snapshot = table.snapshot()
        if snapshot is None:
            raise Transient("lake.unavailable", f"{table} could not be created", table.uri)
    for _ in range(_ATTEMPTS):
        have = {f.name: f for f in snapshot.delta.schema().fields}
        _refuse_twins(table, [*have, *(f.name for f in wanted.fields)])
        missing: list[Field] = []
        for field in wanted.fields:
            if field.name not in have:
                missing.append(field)
            elif have[field.name].type != field.type:
                raise Broken(
                    "contract.type_drift",
                    f"column {field.name!r} of {table} is {have[field.name].type}, and would become {field.type}",
                    table.uri,
                    "A column keeps its type for life: give the new type a new column name.",
                )
        if not missing:
            return snapshot
        try:
            # Of its own: this one moves on to the version that it makes.
            DeltaTable(table.uri, storage_options=table.lake.storage or None).alter.add_columns(missing)
        except DeltaError as error:  # another writer may have added them just now
            log.info("adding %s to %s: %s", [f.name for f in missing], table, error)
        fresh = table.snapshot()
        assert fresh is not None
        snapshot = fresh
    raise Transient("lake.unavailable", f"columns could not be added to {table}", table.uri)


def _refuse_twins(table: Table, names: Sequence[str]) -> None:
    """Delta holds no two columns that differ by case only; an API or a CSV header may well have them."""
    seen: dict[str, str] = {}
    for name in names:
        if seen.setdefault(name.lower(), name) != name:
            raise Broken(
                "contract.unknown_column",
                f"columns {seen[name.lower()]!r} and {name!r} of {table} differ by case only",
                table.uri,
                "Give one of them another name in the contract (`from:`), or set `unknown_columns: drop`.",
            )


def _committed_before(table: Table, snapshot: Snapshot, expect: Mapping[str, int], run: str) -> int | None:
    """None when every application stands where it should; the version, where it was this run that moved them."""
    found = snapshot.transactions(expect)
    moved = [app for app, version in expect.items() if found[app] != version]
    if not moved:
        return None
    ours = find_run(table, run, since=max(snapshot.version - _OWN_COMMIT_WITHIN, -1))
    if ours is not None:
        then = table.snapshot(ours)
        if then is not None and then.transactions(expect) == {app: version + 1 for app, version in expect.items()}:
            return ours
    app = moved[0]
    raise Transient(
        "lake.conflict",
        f"another run got there first: {app} is at {found[app]}, this run started from {expect[app]}",
        f"{table} version {snapshot.version}",
        "Nothing is lost. Run again: it starts from what the other run committed.",
        app=app, found=found[app], expected=expect[app], run=run,
    )  # fmt: skip


def _flush(table: Table, version: int) -> None:
    """delta-rs does not fsync: a power cut after the commit could leave an empty log entry."""
    if not stage.is_local(table.lake.root):
        return
    log_folder = Path(table.uri) / "_delta_log"
    entry = log_folder / f"{version:020}.json"
    if entry.exists():
        with entry.open("rb") as file:
            os.fsync(file.fileno())
    stage.sync_folder(log_folder)
