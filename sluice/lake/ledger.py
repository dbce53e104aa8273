"""The ledger: what each commit says of itself, read from the tables' own logs, newest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sluice.lake.commit import METADATA_KEY
from sluice.lake.log import Log
from sluice.lake.table import Snapshot


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of ours."""

    version: int
    at: datetime
    facts: dict[str, Any]


def entries(where: Snapshot | Log | None, *, since: int = -1) -> Iterator[Entry]:
    """Our commits after version `since`, newest first. Lazy: looking at the last one costs the same in any log."""
    for told in _log(where).commits(since) if where else ():
        if METADATA_KEY in told:
            yield _entry(told)


def entry(where: Snapshot | Log, version: int) -> Entry | None:
    """One commit of ours."""
    told = _log(where).commit(version)
    return _entry(told) if told and METADATA_KEY in told else None


def _log(where: Snapshot | Log) -> Log:
    return where if isinstance(where, Log) else where.log


def _entry(told: dict[str, Any]) -> Entry:
    at = datetime.fromtimestamp(told["timestamp"] / 1000, UTC)
    return Entry(told["version"], at, json.loads(told[METADATA_KEY]))
