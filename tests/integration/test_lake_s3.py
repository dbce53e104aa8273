"""The lake on a real S3 server: the same steps, the same one commit, the same truth after a race."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluice.errors import Transient
from sluice.lake import ledger, naming
from sluice.lake.commit import commit
from sluice.lake.table import Lake
from tests.support import lake
from tests.support.invariants import violations
from tests.support.pipeline import Shop, day_of_sales, sale
from tests.support.s3 import S3Server

MON, TUE = "2026-05-04", "2026-05-05"
APPENDS = 8
spawn = multiprocessing.get_context("spawn")
_buckets = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server.start(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def on_s3(server: S3Server) -> Lake:
    return Lake(f"{server.bucket(f'lake-{next(_buckets)}')}/prod", server.storage)


def fetched(server: S3Server, lake: Lake, folder: Path) -> Path:
    """Everything that lies in the bucket, on disk, for a checker that reads files."""
    bucket, _, prefix = lake.root.removeprefix("s3://").partition("/")
    for page in server.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            target = folder / item["Key"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(server.client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
    return folder / prefix


def test_the_pipeline_runs_on_s3_as_on_a_disk(tmp_path: Path, server: S3Server, on_s3: Lake) -> None:
    """Land, refine, build, audit, publish; a correction that moves a sale; a bad row; and nothing new at the end."""
    shop = Shop(tmp_path, lake=on_s3)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2, 3]), sale(4, f"{MON}T12:00:00", "x"))
    shop.drop("tue.csv", *day_of_sales(TUE, [5]))
    assert shop.refresh(f"{MON}..{TUE}").outcomes == {MON: "published", TUE: "published"}
    shop.drop("correction.csv", sale(1, f"{TUE}T12:00:00", changed_at="2026-05-09T00:00:00"))
    assert shop.refresh(f"{MON}..{TUE}").outcomes == {MON: "published", TUE: "published"}
    assert shop.gold() == {MON: (2, "20.00"), TUE: (2, "20.00")}
    assert shop.rows("quarantine")["id"].to_list() == ["4"]
    assert shop.refresh(f"{MON}..{TUE}").outcomes == {MON: "unchanged", TUE: "unchanged"}
    gold = on_s3.table("gold", "takings")
    assert pl.read_delta(gold.uri, storage_options=on_s3.storage).height == 2
    assert [e.facts["kind"] for e in ledger.entries(gold.snapshot())] == ["publish", "publish"]
    assert [on_s3.names(layer) for layer in ("bronze", "gold", "attempts")] == [["sales"], ["takings"], []]
    assert violations(fetched(server, on_s3, tmp_path / "fetched")) == []


def appender(root: str, storage: dict[str, str], name: str, start: Any, answers: Any) -> None:
    """Appends as fast as it can, each time from what it reads; a conflict is read again."""
    table = Lake(root, storage).table("attempts", "numbers")
    start.wait()
    lost = 0
    for number in range(APPENDS):
        while True:
            snapshot = table.snapshot()
            version = snapshot.transaction("counter") if snapshot else 0
            try:
                lake.append(table, number, run=f"{name}-{number}-{lost}", expect={"counter": version})
                break
            except Transient as error:
                if error.code != "lake.conflict":
                    raise
                lost += 1
    answers.put(lost)


def test_two_writers_on_s3_neither_lose_nor_double_a_commit(tmp_path: Path, server: S3Server, on_s3: Lake) -> None:
    """Without the conditional PUT both write the same log entry, and the later one wins without a word."""
    start, answers = spawn.Barrier(2), spawn.Queue()
    writers = [
        spawn.Process(target=appender, args=(on_s3.root, on_s3.storage, name, start, answers)) for name in ("a", "b")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    lost = [answers.get(timeout=5) for _ in writers]
    table = on_s3.table("attempts", "numbers")
    snapshot = table.snapshot()
    assert snapshot is not None
    assert snapshot.transaction("counter") == 2 * APPENDS
    assert lake.numbers(table) == sorted([*range(APPENDS)] * 2)
    assert len(list(ledger.entries(snapshot))) == 2 * APPENDS
    assert sum(lost) > 0, "the writers never met, so nothing was tried"
    assert violations(fetched(server, on_s3, tmp_path)) == []


def test_a_storage_that_does_not_answer_is_an_outage_and_not_an_empty_lake(on_s3: Lake) -> None:
    """Taken for an empty lake, every source would be landed from its beginning."""
    gone = Lake(on_s3.root, {**on_s3.storage, "aws_endpoint_url": "http://127.0.0.1:9"})
    table = gone.table("gold", "numbers")
    for attempt in (table.snapshot, lambda: table.write(pl.DataFrame({"n": [1]}), "file"), lambda: gone.names("gold")):
        with pytest.raises(Transient) as failed:
            attempt()
        assert failed.value.code == "lake.unavailable"


def test_a_wrong_key_is_not_taken_for_an_empty_lake(server: S3Server, on_s3: Lake) -> None:
    """A rotated secret must stop the run before it makes a second lake beside the first."""
    lake.append(on_s3.table("gold", "numbers"), 1, run="first")
    locked = Lake(on_s3.root, {**on_s3.storage, "aws_secret_access_key": "wrong"})
    with pytest.raises(Exception, match="lake\\.") as failed:
        locked.table("gold", "numbers").snapshot()
    assert failed.value.code in ("lake.unavailable", "lake.corrupt")  # type: ignore[attr-defined]


def test_a_late_worker_leaves_a_committed_object_as_it_is(on_s3: Lake) -> None:
    """A put that replaced it would leave the log with the size of other bytes; the same bytes are taken as they lie."""
    table = on_s3.table("gold", "numbers")
    name = naming.file_name(naming.content(pl.DataFrame({"n": [1]})), "run", 0)
    first = table.write(pl.DataFrame({"n": [1]}), name)
    commit(table, lake.NUMBERS, run="run", add=[first], metadata={})
    assert table.write(pl.DataFrame({"n": [1]}), name) == first
    late = table.write(pl.DataFrame({"n": [1], "landed": ["later"]}), name)
    assert late.path != first.path
    assert lake.numbers(table) == [1]
    assert table.scan_staged([late], pl.Schema({"n": pl.Int64(), "landed": pl.String()})).collect().rows() == [
        (1, "later")
    ]
