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
    if snapshot is None:
        return
    seen, step = 0, 16
    total = snapshot.version - since
    while seen < total:
        page = snapshot.history(min(seen + step, total))[seen:]
        if not page:
            return
        for raw in page:
            if METADATA_KEY in raw and raw["version"] > since:
                at = datetime.fromtimestamp(raw["timestamp"] / 1000, UTC)
                yield Entry(int(raw["version"]), at, json.loads(raw[METADATA_KEY]))
        seen += len(page)
        step = min(step * 4, 4096)
