"""A log read by its entries' names, and tables that stay open: the same answers as Delta's own, whatever is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deltalake import DeltaTable

from sluice.errors import Broken, Transient
from sluice.lake import opened
from sluice.lake.table import Table
from tests.support import lake

COMMITS = 105  # delta-rs writes its first checkpoint at version 99


def _checkpoints(table: Table) -> list[Path]:
    return sorted((Path(table.uri) / "_delta_log").glob("*checkpoint*"))


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    table = lake.table(folder)
    for number in range(COMMITS):
        lake.append(table, number, run=f"run-{number}", expect={f"app/{number % 40}": number // 40})
    return folder


@pytest.fixture
def table(_made: Path, tmp_path: Path) -> Table:
    shutil.copytree(_made, tmp_path / "lake")
    return lake.table(tmp_path / "lake")


def _whole(table: Table) -> None:
    assert [path.name for path in _checkpoints(table)] == [f"{99:020}.checkpoint.parquet", "_last_checkpoint"]


def _no_checkpoint(table: Table) -> None:
    """As a process leaves it that was killed between its commit and the checkpoint."""
    for path in _checkpoints(table):
        path.unlink()


def _no_hint(table: Table) -> None:
    """As one leaves it that was killed between the checkpoint and the hint to it."""
    _checkpoints(table)[1].unlink()


def _torn_hint(table: Table) -> None:
    hint = _checkpoints(table)[1]
    hint.write_text(hint.read_text()[:9])


@pytest.mark.parametrize("damage", [_whole, _no_checkpoint, _no_hint, _torn_hint])
def test_answers_are_the_same_with_a_checkpoint_and_without(table: Table, damage: Callable[[Table], None]) -> None:
    """A checkpoint saves time. Nothing may rest on it."""
    damage(table)
    snapshot, log = table.snapshot(), table.log()
    assert snapshot is not None
    assert log is not None
    assert snapshot.version == log.version == COMMITS
    apps = [f"app/{number}" for number in range(40)] + ["app/never"]
    assert snapshot.transactions(apps) == {app: snapshot.delta.transaction_version(app) or 0 for app in apps}
    assert lake.numbers(table) == list(range(COMMITS))
    assert [told["version"] for told in log.commits(since=COMMITS - 3)] == [COMMITS, COMMITS - 1, COMMITS - 2]
    lake.append(table, 999, run="next", expect={"app/0": 3})
    with pytest.raises(Transient):
        lake.append(table, 1000, run="late", expect={"app/0": 3})
    assert lake.numbers(table) == [*range(COMMITS), 999]


@pytest.mark.parametrize("damage", [_whole, _no_checkpoint, _no_hint, _torn_hint])
def test_an_older_version_counts_what_had_been_committed_by_then(table: Table, damage: Callable[[Table], None]) -> None:
    """A build compares with the version it pinned, and not with what others have committed since."""
    damage(table)
    for version in (1, 50, 99, 100):
        snapshot = table.snapshot(version)
        assert snapshot is not None
        apps = [f"app/{number}" for number in range(40)]
        assert snapshot.transactions(apps) == {app: snapshot.delta.transaction_version(app) or 0 for app in apps}
        assert sum(snapshot.transactions(apps).values()) == version


def test_the_commit_that_added_a_file_is_found_by_its_time(table: Table) -> None:
    """Three years of commits are not walked through for one that is old."""
    snapshot = table.snapshot()
    assert snapshot is not None
    found = {file.path: snapshot.log.version_of(file) for file in snapshot.files()}
    assert sorted(v for v in found.values() if v is not None) == list(range(1, COMMITS + 1))
    for path, version in found.items():
        assert version is not None
        assert path in [add["path"] for add in lake.logged(table, version)["add"]]


def test_a_checkpoint_that_cannot_be_written_does_not_fail_the_commit(tmp_path: Path) -> None:
    """The rows are committed by then. A run that says it failed would be run again, and find its work done."""
    table = lake.table(tmp_path)
    for number in range(98):
        lake.append(table, number, run=f"run-{number}")
    (Path(table.uri) / "_delta_log" / f"{99:020}.checkpoint.parquet").mkdir()
    assert lake.append(table, 98, run="run-98", expect={"app": 0}).version == 99
    assert lake.logged(table, 99)["txn"] == [{"appId": "app", "version": 1}]


def test_writers_at_the_same_time_share_open_tables_and_lose_nothing(table: Table) -> None:
    """A version that was opened once is handed to every thread of a run; a commit must not move it under the others."""
    before = table.snapshot()
    assert before is not None

    def write(writer: int) -> None:
        for number in range(8):
            lake.append(table, 1000 + writer * 10 + number, run=f"w{writer}-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert before.version == COMMITS
    assert before.scan().collect().height == COMMITS
    added = [1000 + writer * 10 + number for writer in range(4) for number in range(8)]
    assert lake.numbers(table) == [*range(COMMITS), *added]


def test_a_table_is_opened_once_as_long_as_nobody_commits(table: Table) -> None:
    """Opening three years of hourly commits costs 0.1 s, and a run asks for a table five to ten times."""
    first = table.snapshot()
    assert table.snapshot() is first
    DeltaTable(table.uri).optimize.compact()  # another tool's commit
    second = table.snapshot()
    assert second is not None
    assert second is not first
    assert second.version == COMMITS + 1
    assert table.snapshot(COMMITS) is first


def test_a_table_that_was_removed_and_made_again_is_opened_again(tmp_path: Path) -> None:
    """The same place, the same versions, other rows: whoever wipes a lake must not be shown the old one."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="before")
    assert lake.numbers(table) == [1]
    shutil.rmtree(table.uri)
    assert table.snapshot() is None
    lake.append(table, 2, run="after")
    assert lake.numbers(table) == [2]


@pytest.mark.parametrize("left", [0.0, 0.3, 0.6, 0.99])
def test_an_entry_that_was_cut_off_is_named_though_the_table_was_open(table: Table, left: float) -> None:
    """A power cut takes the newest entry's bytes; what the process remembers would hide it. What an entry says of
    itself comes first: how far a source was read must not be believed where the rows are cut off."""
    assert table.snapshot() is not None
    entry = lake.log_entry(table, COMMITS)
    entry.write_text(entry.read_text()[: int(entry.stat().st_size * left)])
    for look in (table.snapshot, table.log):
        with pytest.raises(Broken) as broken:
            look()
        assert broken.value.code == "lake.corrupt"


def test_only_a_few_tables_are_kept_open(tmp_path: Path) -> None:
    """Each may hold 26,000 files: a catalog of a hundred tables must not stay in memory."""
    tables = [lake.table(tmp_path, name=f"t{number}") for number in range(20)]
    for number, each in enumerate(tables):
        lake.append(each, number, run="run")
        assert each.snapshot() is not None
    assert len(opened._snapshots) <= 8
    assert lake.numbers(tables[0]) == [0]
