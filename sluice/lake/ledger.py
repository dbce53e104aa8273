"""The ledger: what each commit says of itself, read from the tables' own logs, newest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sluice.lake.commit import METADATA_KEY
from sluice.lake.table import Snapshot


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of ours."""

    version: int
    at: datetime
    facts: dict[str, Any]


def entries(snapshot: Snapshot | None, *, since: int = -1) -> Iterator[Entry]:
    """Our commits after version `since`, newest first. Lazy: looking at the last one costs the same in any log."""
    for raw in snapshot.commits(since) if snapshot else ():
        if METADATA_KEY in raw:
            at = datetime.fromtimestamp(raw["timestamp"] / 1000, UTC)
            yield Entry(raw["version"], at, json.loads(raw[METADATA_KEY]))
