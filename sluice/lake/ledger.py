"""The ledger: what each commit says of itself, read from the tables' own logs, newest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from sluice.lake.log import Log, commit_info

if TYPE_CHECKING:
    from sluice.lake.table import Snapshot

METADATA_KEY = "sluice"


@dataclass(frozen=True)
class Entry:
    """One commit of ours. A backfill says megabytes of its intervals: nothing is decoded before it is asked for."""

    version: int
    at: datetime
    parts: dict[str, msgspec.Raw]

    @cached_property
    def facts(self) -> dict[str, Any]:
        return {name: decoded(part) for name, part in self.parts.items()}

    def fact(self, name: str) -> Any:
        """One of the facts; None where the commit does not speak of it."""
        return decoded(self.parts[name]) if name in self.parts else None


def entries(where: Snapshot | Log | None, *, since: int = -1) -> Iterator[Entry]:
    """Our commits after version `since`, newest first. Lazy: looking at the last one costs the same in any log."""
    for told in _log(where).commits(since) if where else ():
        if METADATA_KEY in told:
            yield _entry(told)


def entry(where: Snapshot | Log, version: int) -> Entry | None:
    """One commit of ours."""
    told = _log(where).commit(version)
    return _entry(told) if told and METADATA_KEY in told else None


def run_of(text: str) -> str | None:
    """The run that made a log entry, if it was one of ours."""
    told = commit_info(text)
    run: str | None = _entry({**told, "version": 0}).fact("run") if told and METADATA_KEY in told else None
    return run


def parts_of(text: str | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, not yet decoded."""
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in decoded(text).items()}


def decoded(text: str | msgspec.Raw) -> Any:
    """msgspec takes a third of json's time, but does not know the NaN that a metric may be."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(bytes(text) if isinstance(text, msgspec.Raw) else text)


def _log(where: Snapshot | Log) -> Log:
    return where if isinstance(where, Log) else where.log


def _entry(told: dict[str, Any]) -> Entry:
    at = datetime.fromtimestamp(told["timestamp"] / 1000, UTC)
    return Entry(told["version"], at, parts_of(told[METADATA_KEY]))
