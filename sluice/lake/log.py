"""A table's log, read by the names of its entries: no table has to be opened for what its commits say of themselves.

Opening a table means all of its live files, 0.1 s for 26,000. The newest entries, one entry by its version, and how far
the applications got are there without.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from sluice.lake import stage

if TYPE_CHECKING:
    from sluice.lake.table import ActiveFile, Table

_ENTRIES_AT_A_TIME = 16
_MOST_SINCE_CHECKPOINT = 200  # delta-rs writes one every hundred commits
_NEAR = 32  # commits of others between a file's time and the commit that added it
_LINES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TIMESTAMP = re.compile(r'(?<!\\)"timestamp":(\d+)')  # with a backslash it stands in somebody's facts


@dataclass(frozen=True)
class Log:
    """The entries up to one version. Those are there for good, whatever others commit."""

    table: Table
    version: int

    def commits(self, since: int = -1) -> Iterator[dict[str, Any]]:
        """What each commit after version `since` says of itself, newest first, each with its `version`.

        Read from the entries by their names: delta-rs' own history tells of the newest commits there are, and numbers
        them down from the version that is loaded. A snapshot that is pinned, or overtaken, gets another's commits.
        """
        versions = range(self.version, since, -1)
        if stage.is_local(self.table.uri):
            texts: Iterable[str | None] = map(self.table.entry, versions)
        else:
            texts = self._ahead(versions)
        for version, text in zip(versions, texts):
            if text is None:  # older entries may be gone where another tool cleans logs
                return
            if told := commit_info(text):
                yield {**told, "version": version}

    def commit(self, version: int) -> dict[str, Any] | None:
        """What one commit says of itself; None where its entry is gone."""
        text = self.table.entry(version) if 0 <= version <= self.version else None
        told = commit_info(text) if text else None
        return {**told, "version": version} if told else None

    def version_of(self, file: ActiveFile) -> int | None:
        """The commit that added a live file, looked for by time; None where it is not where the clocks say."""
        low, high = 0, self.version
        while low < high:
            middle = (low + high) // 2
            found = _TIMESTAMP.search(self.table.entry(middle) or "")
            if found is None:
                return None
            low, high = (middle + 1, high) if int(found[1]) < file.modified else (low, middle)
        name = file.path.rsplit("/", 1)[-1]
        for version in range(low, min(low + _NEAR, self.version + 1)):
            lines = (self.table.entry(version) or "").splitlines()
            if any(name in line for line in lines if line.startswith('{"add"')):
                return version
        return None

    def applications(self) -> dict[str, int] | None:
        """How often each application has committed. None where the log has a form that only delta-rs reads, or is long
        and has no checkpoint."""
        checkpoint = last_checkpoint(self.table)
        first = 0 if checkpoint is None else checkpoint + 1
        if not first <= self.version + 1 <= first + _MOST_SINCE_CHECKPOINT:
            return None
        found = {} if checkpoint is None else _applications_at(self.table, checkpoint)
        if found is None:
            return None
        for version in range(first, self.version + 1):
            text = self.table.entry(version)
            if text is None:
                return None
            for line in text.splitlines():
                if line.startswith('{"txn"'):
                    action = json.loads(line)["txn"]
                    found[action["appId"]] = action["version"]
        return found

    def _ahead(self, versions: Sequence[int]) -> Iterator[str | None]:
        """A request each, so some at a time: the few newest are all that most ask for."""
        with ThreadPoolExecutor(_ENTRIES_AT_A_TIME) as pool:
            for start in range(0, len(versions), _ENTRIES_AT_A_TIME):
                yield from pool.map(self.table.entry, versions[start : start + _ENTRIES_AT_A_TIME])


def newest_version(table: Table) -> int | None:
    """The newest version there is; None where that takes more than the checkpoint and the names of entries after it,
    or where the newest entry was cut off: opening the table says what is wrong with it."""
    version = last_checkpoint(table) or 0
    if not stage.is_local(table.uri):
        return None  # a request for each name: opening the table lists them in one
    folder = Path(table.uri) / "_delta_log"
    if not (folder / f"{version:020}.json").exists():
        return None
    while (folder / f"{version + 1:020}.json").exists():
        version += 1
    return version if _is_whole(folder / f"{version:020}.json") else None


def last_checkpoint(table: Table) -> int | None:
    """The version of the newest checkpoint that the log names."""
    try:
        told = json.loads(stage.read_text(f"{table.uri}/_delta_log", "_last_checkpoint", table.lake.storage))
        return int(told["version"])
    except (OSError, ValueError, KeyError, TypeError):  # a hint, no more: without it the table is opened
        return None


def _is_whole(entry: Path) -> bool:
    """A power cut may leave an entry half written: what it says of itself comes first, and its rows never came."""
    try:
        return bool(_LINES.decode_lines(entry.read_bytes()))
    except msgspec.DecodeError:
        return False


def _applications_at(table: Table, version: int) -> dict[str, int] | None:
    """What the checkpoint says, where it is one file of the classic form."""
    file = f"{table.uri}/_delta_log/{version:020}.checkpoint.parquet"
    try:
        said = pl.scan_parquet(file, glob=False, storage_options=table.lake.storage or None)
        action = pl.col("txn").struct
        rows = said.select(app=action.field("appId"), version=action.field("version")).drop_nulls("app").collect()
    except (OSError, pl.exceptions.PolarsError):
        return None
    return dict(rows.iter_rows())


def commit_info(text: str) -> dict[str, Any] | None:
    """What a log entry says of the commit, if it says anything."""
    line = next((line for line in text.splitlines() if line.startswith('{"commitInfo"')), None)
    told: dict[str, Any] | None = msgspec.json.decode(line)["commitInfo"] if line else None
    return told
