"""Tables that this process has opened. A version of a table never changes, so it is opened once.

With three years of hourly commits behind it a table takes 0.1 s to open, and a run asks for each of its tables five to
ten times. Whether there is a newer version is two looks at the log: the entry that was the newest is still the same
file, and there is none after it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.lake import stage

if TYPE_CHECKING:
    from sluice.lake.table import Snapshot, Table

_KEPT = 8  # of 26,000 files, one takes up to 40 MB
_Key = tuple[str, tuple[tuple[str, str], ...], int]

_lock = threading.Lock()
_snapshots: OrderedDict[_Key, tuple[str, Snapshot]] = OrderedDict()
_newest: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}


def recall(table: Table, version: int | None) -> Snapshot | None:
    """The snapshot that was opened before; None where there is none, or where it is not the newest any more."""
    of_table = _of(table)
    with _lock:
        wanted = _newest.get(of_table) if version is None else version
        known = None if wanted is None else _snapshots.get((*of_table, wanted))
    if wanted is None or known is None:
        return None
    mark, snapshot = known
    if _mark(table, wanted) != mark or (version is None and _mark(table, wanted + 1) is not None):
        return None
    return snapshot


def keep(snapshot: Snapshot, *, newest: bool) -> None:
    """For the next one who asks."""
    of_table, version = _of(snapshot.table), snapshot.version
    if not (mark := _mark(snapshot.table, version)):  # another tool has cleaned the log, or the storage is silent
        return
    with _lock:
        _snapshots[(*of_table, version)] = (mark, snapshot)
        _snapshots.move_to_end((*of_table, version))
        if newest:
            _newest[of_table] = version
        while len(_snapshots) > _KEPT:
            _snapshots.popitem(last=False)


def forget() -> None:
    """All of them."""
    with _lock:
        _snapshots.clear()
        _newest.clear()


def _mark(table: Table, version: int) -> str | None:
    """What tells a log entry from another of its name: a lake may be removed and made again. None where there is none,
    empty where that cannot be said: then the table is opened, and opening it says what is wrong."""
    name = f"{version:020}.json"
    if stage.is_local(table.uri):
        try:
            entry = (Path(table.uri) / "_delta_log" / name).stat()
        except FileNotFoundError:
            return None
        return f"{entry.st_ino} {entry.st_mtime_ns} {entry.st_size}"
    import obstore
    from obstore.exceptions import BaseError, NotFoundError

    try:
        found = obstore.head(stage.object_store(f"{table.uri}/_delta_log", table.lake.storage), name)
    except (NotFoundError, FileNotFoundError):
        return None
    except (BaseError, OSError):
        return ""
    return f"{found['e_tag']} {found['last_modified']} {found['size']}"


def _of(table: Table) -> tuple[str, tuple[tuple[str, str], ...]]:
    return table.uri, tuple(sorted(table.lake.storage.items()))
