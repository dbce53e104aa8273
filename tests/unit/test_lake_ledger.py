"""The ledger: newest first, and the price of looking at the newest does not grow with the log."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from deltalake import DeltaTable

from sluice.lake import ledger
from sluice.lake.table import Table
from tests.support import lake

COMMITS = 300


def long_log(folder: Path) -> Table:
    """A table of 300 commits. Most are written by hand: what is read matters here, not how it came there."""
    table = lake.table(folder)
    lake.append(table, 1, run="run-001", metadata={"kind": "test", "number": 1})
    pattern = lake.logged(table, 1)["commitInfo"]
    for number in range(2, COMMITS + 1):
        said = json.dumps({"kind": "test", "number": number, "run": f"run-{number:03}"})
        info = {**pattern, "sluice": said, "timestamp": pattern["timestamp"] + number}
        lake.log_entry(table, number).write_text(json.dumps({"commitInfo": info}) + "\n")
    return table


def test_entries_come_newest_first_and_all_of_them(tmp_path: Path) -> None:
    """Whoever asks for the standing publication takes the first that fits."""
    found = list(ledger.entries(long_log(tmp_path).snapshot()))
    assert [entry.facts["number"] for entry in found] == list(range(COMMITS, 0, -1))
    assert [entry.version for entry in found] == list(range(COMMITS, 0, -1))


def test_entries_since_a_version_end_there(tmp_path: Path) -> None:
    """Refining asks what landed since it last looked; more would refine days for nothing, less would lose some."""
    snapshot = long_log(tmp_path).snapshot()
    assert [e.version for e in ledger.entries(snapshot, since=297)] == [300, 299, 298]
    assert list(ledger.entries(snapshot, since=300)) == []
    assert list(ledger.entries(None)) == []


def test_the_newest_entry_is_found_without_reading_the_old_ones(tmp_path: Path) -> None:
    """Every run looks at it: years of commits must not make it slow. The old entries are unreadable here."""
    table = long_log(tmp_path)
    DeltaTable(table.uri).create_checkpoint()
    for number in range(COMMITS - 3):
        lake.log_entry(table, number).write_bytes(b"\xff not to be read")
    newest = list(islice(ledger.entries(table.snapshot()), 3))
    assert [entry.facts["run"] for entry in newest] == ["run-300", "run-299", "run-298"]


def test_a_pinned_or_overtaken_snapshot_tells_of_its_own_time(tmp_path: Path) -> None:
    """delta-rs' own history gives the newest commits, numbered down from the version that is loaded: a build that
    pinned version 2 took the fourth publication for the second."""
    table = lake.table(tmp_path)
    for number in range(1, 3):
        lake.append(table, number, run=f"run-{number}")
    overtaken = table.snapshot()
    for number in range(3, 5):
        lake.append(table, number, run=f"run-{number}")
    for snapshot in (overtaken, table.snapshot(2)):
        assert [(e.version, e.facts["run"]) for e in ledger.entries(snapshot)] == [(2, "run-2"), (1, "run-1")]


def test_commits_of_others_are_passed_over(tmp_path: Path) -> None:
    """Another tool may optimise a table; its commits say nothing of ours, and break nothing."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="ours")
    lake.append(table, 2, run="ours too")
    DeltaTable(table.uri).optimize.compact()
    assert [entry.facts["run"] for entry in ledger.entries(table.snapshot())] == ["ours too", "ours"]
