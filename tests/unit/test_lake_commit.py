"""The lake's one commit: compare-and-swap, the truth after a lost reply, and readers who never see half of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import deltalake
import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError

from sluice.errors import Broken, Transient
from sluice.lake.commit import commit, find_run
from sluice.lake.table import ActiveFile, Snapshot
from tests.support import lake


def test_nobody_sees_a_staged_file_before_its_commit(tmp_path: Path) -> None:
    """A candidate is audited in the table's own folder; a reader who met it there would read unaudited rows."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first")
    lake.stage(table, 2, 3, run="second")
    assert lake.numbers(table) == [1]
    assert pl.read_delta(table.uri)["n"].to_list() == [1]


def test_a_staged_file_of_a_table_that_does_not_exist_makes_no_table(tmp_path: Path) -> None:
    """The first candidate of a product lies in a folder without a log: there is nothing to read yet."""
    table = lake.table(tmp_path)
    lake.stage(table, 1, run="first")
    assert table.snapshot() is None
    assert table.lake.names("gold") == []


def test_the_same_application_version_is_refused_the_second_time(tmp_path: Path) -> None:
    """delta-rs accepts it from a fresh snapshot and doubles the rows; the wrapper must not."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first", expect={"land/orders": 0})
    with pytest.raises(Transient) as refused:
        lake.append(table, 2, run="second", expect={"land/orders": 0})
    assert refused.value.code == "lake.conflict"
    assert lake.numbers(table) == [1]


def test_a_version_from_the_future_is_refused_too(tmp_path: Path) -> None:
    """A plan made against another lake, or a lake that was rolled back: its positions mean nothing here."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first", expect={"land/orders": 0})
    with pytest.raises(Transient):
        lake.append(table, 2, run="second", expect={"land/orders": 5})
    assert lake.numbers(table) == [1]


def test_a_step_that_is_run_again_after_its_commit_finds_that_commit(tmp_path: Path) -> None:
    """A worker killed between its commit and its answer: the orchestrator runs the step again with the same run."""
    table = lake.table(tmp_path)
    first = lake.append(table, 1, run="first", expect={"land/orders": 0})
    lake.append(table, 2, run="other", expect={"land/stores": 0})
    again = lake.append(table, 1, run="first", expect={"land/orders": 0})
    assert again == first
    assert lake.numbers(table) == [1, 2]


def test_an_older_commit_of_the_same_run_is_no_excuse_for_a_conflict(tmp_path: Path) -> None:
    """The run has committed before, but not this: somebody else moved the application, and that is a conflict."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first", expect={"land/orders": 0})
    lake.append(table, 2, run="other", expect={"land/orders": 1})
    file = table.write(pl.DataFrame({"n": [3]}), "another")
    with pytest.raises(Transient) as refused:
        commit(table, lake.NUMBERS, run="first", add=[file], expect={"land/orders": 1}, metadata={})
    assert refused.value.code == "lake.conflict"
    assert lake.numbers(table) == [1, 2]


@pytest.mark.parametrize(
    ("day", "rows", "asked_on"), [("2026-05-02", [2, 10], [1]), ("2026-05-01", [10], [1, 2])], ids=["other day", "same"]
)
def test_an_overtaken_writer_commits_on_the_newer_version(
    tmp_path: Path, day: str, rows: list[int], asked_on: list[int]
) -> None:
    """A backfill writes another day meanwhile, or upkeep rewrites our own: neither may fail us, nor be undone by us,
    and files that came meanwhile into the partition we replace must not stay in it."""
    table = lake.table(tmp_path)
    lake.replace_day(table, "2026-05-01", 1, run="first", expect={"p/1": 0})
    asked: list[int] = []

    def overtaken(current: Snapshot) -> list[ActiveFile]:
        asked.append(current.version)
        if len(asked) == 1:
            lake.replace_day(table, day, 2, run="other", expect={"upkeep": 0})
        return current.in_partitions(["2026-05-01"])

    file = lake.stage(table, 10, run="second", day="2026-05-01")
    done = commit(
        table, lake.BY_DAY, run="second", add=[file], remove=overtaken, expect={"p/1": 1}, metadata={}, partition="day"
    )
    assert (done.version, asked) == (3, asked_on)
    assert lake.numbers(table) == rows


def test_a_writer_overtaken_on_its_own_partition_gives_up(tmp_path: Path) -> None:
    """Two runs of one interval: the second must not replace what the first has just published."""
    table = lake.table(tmp_path)
    lake.replace_day(table, "2026-05-01", 1, run="first", expect={"p/1": 0})

    def overtaken(current: Snapshot) -> list[ActiveFile]:
        if current.version == 1:
            lake.replace_day(table, "2026-05-01", 7, run="other", expect={"p/1": 1})
        return current.in_partitions(["2026-05-01"])

    file = lake.stage(table, 10, run="second", day="2026-05-01")
    with pytest.raises(Transient) as refused:
        commit(
            table, lake.BY_DAY, run="second", add=[file], remove=overtaken, expect={"p/1": 1}, metadata={},
            partition="day",
        )  # fmt: skip
    assert refused.value.code == "lake.conflict"
    assert lake.numbers(table) == [7]


class LosesTheReply(deltalake.DeltaTable):
    """The real commit, whose answer never arrives: what an S3 connection cut after the PUT looks like."""

    left = 0

    def create_write_transaction(self, *args: Any, **kwargs: Any) -> None:
        super().create_write_transaction(*args, **kwargs)
        if type(self).left:
            type(self).left -= 1
            raise CommitFailedError("connection closed before message completed")


def test_a_commit_that_reports_failure_but_landed_counts_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 of 6 commits with a lost reply had landed; trying again without looking doubled their rows."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first")
    monkeypatch.setattr(deltalake, "DeltaTable", LosesTheReply)
    LosesTheReply.left = 1
    done = lake.append(table, 2, run="second")
    assert (done.version, done.previous) == (2, 1)
    assert LosesTheReply.left == 0, "the reply was not lost"
    assert lake.numbers(table) == [1, 2]


def test_a_process_killed_after_its_commit_leaves_a_commit_that_its_run_finds(tmp_path: Path) -> None:
    """The log, and not the dead process, knows whether the run has published."""
    program = (
        "import os, signal, sys; from pathlib import Path; from tests.support import lake\n"
        "lake.append(lake.table(Path(sys.argv[1])), 1, run='killed', expect={'land/orders': 0})\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    table = lake.table(tmp_path)
    assert find_run(table, "killed", since=0) == 1
    assert find_run(table, "another", since=0) is None
    assert lake.append(table, 1, run="killed", expect={"land/orders": 0}).version == 1
    assert lake.numbers(table) == [1]


def test_replacing_a_partition_leaves_the_files_of_the_others_as_they_are(tmp_path: Path) -> None:
    """What a reader of yesterday has open must not change because today is published."""
    table = lake.table(tmp_path)
    lake.replace_day(table, "2026-05-01", 1, run="first")
    lake.replace_day(table, "2026-05-02", 2, run="second")
    before = lake.bytes_of(table)
    lake.replace_day(table, "2026-05-02", 20, 21, run="third")
    after = lake.bytes_of(table)
    assert {name: after[name] for name in before} == before
    assert [f["path"] for f in lake.logged(table, 3)["remove"]] == ["day=2026-05-02/second-2026-05-02.parquet"]
    assert lake.numbers(table) == [1, 20, 21]
    assert lake.numbers(table, version=2) == [1, 2]


def test_the_files_of_a_table_stand_in_one_order_whatever_its_log_does(tmp_path: Path) -> None:
    """Rows that nothing else tells apart are told apart by their place; a checkpoint must not change it."""
    table = lake.table(tmp_path)
    for run in ("b", "c", "a"):
        lake.append(table, 1, run=run)
    snapshot = table.snapshot()
    assert snapshot is not None
    assert [file.path for file in snapshot.files()] == ["a-all.parquet", "b-all.parquet", "c-all.parquet"]


def test_data_position_and_reasons_are_one_entry_of_the_log(tmp_path: Path) -> None:
    """Were they two, a crash between them would lose or double a batch."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first", expect={"land/orders": 0}, metadata={"kind": "land", "position": "7"})
    entry = lake.logged(table, 1)
    assert [(t["appId"], t["version"]) for t in entry["txn"]] == [("land/orders", 1)]
    assert len(entry["add"]) == 1
    assert json.loads(entry["commitInfo"]["sluice"]) == {"kind": "land", "position": "7", "run": "first"}


def test_a_new_column_widens_the_table_and_old_rows_have_null_in_it(tmp_path: Path) -> None:
    """A source that gains a column must not stop the pipeline, nor rewrite what is there."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first")
    wide = pl.DataFrame({"n": [2], "note": ["new"]})
    commit(table, wide.schema, run="second", add=[table.write(wide, "wide")], metadata={})
    rows = pl.read_delta(table.uri).sort("n")
    assert rows.rows() == [(1, None), (2, "new")]
    snapshot = table.snapshot()
    assert snapshot is not None
    assert snapshot.scan().sort("n").collect().rows() == rows.rows()


def test_a_column_that_changes_its_type_is_refused(tmp_path: Path) -> None:
    """delta-rs casts on append without a word: 1.9 becomes 1."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first")
    with pytest.raises(Broken) as refused:
        commit(table, pl.Schema({"n": pl.Float64}), run="second", add=[], metadata={})
    assert refused.value.code == "contract.type_drift"


@pytest.mark.parametrize("have", ["N", None])
def test_columns_that_differ_by_case_only_are_refused_by_name(tmp_path: Path, have: str | None) -> None:
    """Delta cannot hold them, and its own error named neither the table nor what to do; an API may well send both."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first")
    wanted = {"N": pl.Int64} if have else {"other": pl.Int64, "Other": pl.Int64}
    with pytest.raises(Broken) as refused:
        commit(table, pl.Schema(wanted), run="second", add=[], metadata={})
    assert refused.value.code == "contract.unknown_column"
    assert "case" in refused.value.what


def test_an_empty_newest_log_entry_is_refused_by_name(tmp_path: Path) -> None:
    """A power cut leaves one; it reads as a valid commit of nothing, and its rows vanish without a word."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first")
    lake.append(table, 2, run="second")
    os.truncate(lake.log_entry(table, 2), 0)
    with pytest.raises(Broken) as refused:
        table.snapshot()
    assert refused.value.code == "lake.corrupt"
    assert lake.log_entry(table, 2).name in str(refused.value)


def test_a_missing_log_entry_is_refused(tmp_path: Path) -> None:
    """A log with a hole tells of a table that never was."""
    table = lake.table(tmp_path)
    for run in ("first", "second", "third"):
        lake.append(table, 1, run=run)
    lake.log_entry(table, 2).unlink()
    with pytest.raises(Broken) as refused:
        table.snapshot()
    assert refused.value.code == "lake.corrupt"


def test_a_table_left_with_an_empty_log_folder_is_made_anew(tmp_path: Path) -> None:
    """A process killed while it created the table leaves the folder; that must not stop every later run."""
    table = lake.table(tmp_path)
    (Path(table.uri) / "_delta_log").mkdir(parents=True)
    assert table.snapshot() is None
    lake.append(table, 1, run="first")
    assert lake.numbers(table) == [1]


def test_the_log_is_never_cleaned(tmp_path: Path) -> None:
    """An expired entry would be a publication nobody can explain; Delta cleans after 30 days unless told otherwise."""
    table = lake.table(tmp_path)
    lake.append(table, 1, run="first")
    settings = lake.logged(table, 0)["metaData"]["configuration"]
    assert settings["delta.enableExpiredLogCleanup"] == "false"
    assert settings["delta.logRetentionDuration"] == "interval 36500 days"
    assert not any("setTransactionRetention" in name for name in settings)


def test_many_writers_of_one_table_all_get_in_and_none_gets_in_twice(tmp_path: Path) -> None:
    """Attempts are recorded by whoever fails; two failures at the same moment are both history."""
    program = (
        "import sys; from pathlib import Path; from tests.support import lake\n"
        "table = lake.table(Path(sys.argv[1]), 'attempts')\n"
        "for n in range(8): lake.append(table, n, run=f'{sys.argv[2]}-{n}')"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert lake.numbers(lake.table(tmp_path, "attempts")) == sorted([*range(8)] * 3)
