"""Publications in a long log are looked up, and are those that a walk through all of it finds."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from sluice.lake import naming, opened
from sluice.lake.commit import commit
from sluice.lake.table import ActiveFile, Snapshot, Table
from sluice.steps.publications import Attempt, Publication, app, attempts, history, newest, publications, record
from sluice.steps.workspace import Workspace
from tests.support import lake
from tests.support.pipeline import Shop

PRODUCT, LABELS = "takings", [f"2026-{month:02}-{day:02}" for month in range(1, 9) for day in range(1, 29)]
SCHEMA = pl.Schema({"n": pl.Int64, "_interval": pl.String})


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """224 days, a commit each; then the first one is published twice again, and one day without rows."""
    ws = Shop(tmp_path_factory.mktemp("shop")).ws
    last: dict[str, int] = {}
    for number, label in enumerate([*LABELS[:3], LABELS[0], *LABELS[3:], LABELS[1]]):
        _publish(ws, label, number, last, rows=0 if label == LABELS[9] else 1)
    return ws


def _publish(ws: Workspace, label: str, number: int, last: dict[str, int], rows: int) -> None:
    table, run = ws.gold(PRODUCT), f"run-{number:04}"
    before = table.snapshot()
    names = {label: naming.file_name(naming.digest(run), run, 0, label)} if rows else {}
    frame = pl.DataFrame({"n": [number], "_interval": [label]}, schema=SCHEMA)

    def standing(current: Snapshot) -> list[ActiveFile]:
        return current.in_partitions([label])

    facts = {"outcome": "published", "rows": rows, "fingerprint": run, "diff": {"against": last.get(label)}}
    said = {"kind": "publish", "at": f"2027-01-01T00:00:{number % 60:02}+00:00", "intervals": {label: facts}}
    done = commit(
        table, SCHEMA, run=run, add=list(table.write_each(frame, "_interval", names).values()), remove=standing,
        expect={app(PRODUCT, label): before.transaction(app(PRODUCT, label)) if before else 0}, metadata=said,
        partition="_interval",
    )  # fmt: skip
    last[label] = done.version


def _walked(ws: Workspace, label: str) -> list[Publication]:
    return [each for each in publications(ws, PRODUCT) if each.interval == label]


class _Reads:
    """Counts the log entries that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, read = 0, Table.entry

        def counted(table: Table, version: int) -> str | None:
            self.count += 1
            return read(table, version)

        monkeypatch.setattr(Table, "entry", counted)


@pytest.mark.parametrize("at", [0, 1, 2, 9, 30, 100, -2])
def test_an_interval_is_found_as_a_walk_through_the_whole_log_finds_it(ws: Workspace, at: int) -> None:
    """Old or new, published once or thrice, with rows or without."""
    opened.forget()
    label = LABELS[at]
    walked = _walked(ws, label)
    assert walked
    assert newest(ws, PRODUCT, [label]) == {label: walked[0]}
    assert list(history(ws, PRODUCT, label)) == walked


def test_many_intervals_are_found_at_once_and_those_never_published_are_not(ws: Workspace) -> None:
    """A backfill asks for all its days, most of which may not be there."""
    found = newest(ws, PRODUCT, [*LABELS, "2030-01-01"])
    assert found.keys() == set(LABELS)
    assert all(found[label] == _walked(ws, label)[0] for label in LABELS[::40])


def test_what_is_asked_costs_a_few_entries_and_not_the_log(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest interval, an old one, one that was never published: three years of commits must not be read for it."""
    opened.forget()
    gold = ws.gold(PRODUCT).snapshot()
    reads = _Reads(monkeypatch)
    assert newest(ws, PRODUCT, [LABELS[-1]], gold)
    assert reads.count <= 2
    assert newest(ws, PRODUCT, ["2030-01-01"], gold) == {}
    assert reads.count <= 2
    assert newest(ws, PRODUCT, [LABELS[20]], gold)
    assert reads.count <= 2 + 64 + 20


def test_clocks_that_disagree_cost_time_and_change_no_answer(ws: Workspace, tmp_path: Path) -> None:
    """Entries are looked up by time, and times are hints: a writer whose clock went wrong is found all the same."""
    other = Shop(tmp_path).ws
    copy = Path(other.gold(PRODUCT).uri)
    shutil.copytree(ws.gold(PRODUCT).uri, copy)
    for entry in copy.glob("_delta_log/*.json"):
        entry.write_text(re.sub(r'(?<!\\)"timestamp":\d+', '"timestamp":1', entry.read_text()))
    for label in (LABELS[0], LABELS[20], LABELS[-1]):
        assert [p.version for p in history(other, PRODUCT, label)] == [p.version for p in _walked(ws, label)]


def test_a_table_taken_back_by_another_tool_still_tells_of_its_newest_publication(
    ws: Workspace, tmp_path: Path
) -> None:
    """Delta's RESTORE brings an older file back, whose time leads to an older publication: the number of them tells."""
    other = Shop(tmp_path).ws
    last: dict[str, int] = {}
    for number, label in enumerate([LABELS[0], LABELS[0], *LABELS[1:120]]):
        _publish(other, label, number, last, rows=1)
    DeltaTable(other.gold(PRODUCT).uri).restore(1)
    walked = _walked(other, LABELS[0])
    assert [each.version for each in walked] == [2, 1]
    assert newest(other, PRODUCT, [LABELS[0]]) == {LABELS[0]: walked[0]}


def test_attempts_of_one_run_are_one_commit_and_each_is_found(tmp_path: Path) -> None:
    """A range of a year that fails is recorded for each of its days, and not in 365 commits."""
    ws = Shop(tmp_path).ws
    at = "2026-06-01T00:00:00+00:00"
    several = [Attempt(PRODUCT, label, at, "run-1", "build.failed", "broken", f"of {label}") for label in LABELS]
    record(ws, *several)
    record(ws, Attempt(PRODUCT, "2031-01-01", at, "run-2", "build.failed", "broken", "later"))
    table = ws.lake.table("attempts", PRODUCT)
    assert json.loads(lake.logged(table, 1)["commitInfo"]["sluice"])["kind"] == "attempt"
    assert len(attempts(ws, PRODUCT)) == len(LABELS) + 1
    assert [each.what for each in attempts(ws, PRODUCT, [LABELS[7]])] == [f"of {LABELS[7]}"]
    assert {each.interval for each in attempts(ws, PRODUCT, [LABELS[3], "2031-01-01"])} == {LABELS[3], "2031-01-01"}
    assert attempts(ws, PRODUCT, []) == []
