"""Files under an S3 prefix, on a real S3 server."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from sluice.errors import Broken, Transient
from sluice.model.facts import Split
from tests.support.landing import reading, rows
from tests.support.s3 import S3Server

_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server.start(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(server: S3Server) -> str:
    name = f"landing-{next(_numbers)}"
    server.bucket(name)
    return name


def test_objects_below_the_prefix_are_read_and_others_are_not(server: S3Server, bucket: str) -> None:
    """`in` must not be taken for a prefix of `inbox`."""
    server.put(bucket, "in/a.csv", b"id,name\n1,a\n")
    server.put(bucket, "in/2026/b.csv.gz", gzip.compress(b"id,name\n2,b\n"))
    server.put(bucket, "in/.tmp/c.csv", b"id,name\n3,c\n")
    server.put(bucket, "inbox/d.csv", b"id,name\n4,d\n")
    frame = rows(reading(f"s3://{bucket}/in", glob="**/*.csv*", storage=server.storage))
    assert frame.select("id", "_origin").sort("id").rows() == [
        ("1", f"s3://{bucket}/in/a.csv"),
        ("2", f"s3://{bucket}/in/2026/b.csv.gz"),
    ]


def test_a_listing_of_many_pages_is_complete_and_each_object_lands_once(server: S3Server, bucket: str) -> None:
    """A page of a listing holds a thousand keys; the rest must not be forgotten."""
    for i in range(1005):
        server.put(bucket, f"{i:04}.csv", b"id\n1\n")
    files = reading(f"s3://{bucket}", storage=server.storage, splits={"files": 100})
    splits = files.plan(None, (), lambda unit, version: False).splits
    units = [unit for split in splits for unit, _ in files.units(split)]
    assert len(units) == len(set(units)) == 1005
    assert len(splits) == 11


def test_a_replaced_object_is_new_and_an_old_split_does_not_read_it(server: S3Server, bucket: str) -> None:
    """The etag decides: the rows of the new object never land under the old version."""
    server.put(bucket, "a.csv", b"id,name\n1,a\n")
    files = reading(f"s3://{bucket}", storage=server.storage)
    (split,) = files.plan(None, (), lambda unit, version: False).splits
    landed = dict(files.units(split))
    assert files.plan(None, (), lambda unit, version: landed.get(unit) == version).splits == ()
    server.put(bucket, "a.csv", b"id,name\n2,b\n")
    (frame,) = files.read(split)
    assert frame["_problem"].to_list() == ["file.unreadable"]
    assert "replaced or removed" in frame["_raw"][0]
    (again,) = files.plan(None, (), lambda unit, version: landed.get(unit) == version).splits
    assert pl.concat(files.read(again))["id"].to_list() == ["2"]


def test_a_removed_object_is_a_problem_of_its_own(server: S3Server, bucket: str) -> None:
    """The rest of the split goes on."""
    server.put(bucket, "a.csv", b"id,name\n1,a\n")
    server.put(bucket, "b.csv", b"id,name\n2,b\n")
    files = reading(f"s3://{bucket}", storage=server.storage)
    (split,) = files.plan(None, (), lambda unit, version: False).splits
    server.client.delete_object(Bucket=bucket, Key="a.csv")
    frame = pl.concat(files.read(split), how="diagonal")
    assert frame.select("id", "_problem").rows() == [(None, "file.unreadable"), ("2", None)]


def test_parquet_is_fetched_and_parsed_in_the_child(server: S3Server, bucket: str, tmp_path: Path) -> None:
    """The way of a file from a bucket through the temporary folder into the other process."""
    pl.DataFrame({"id": [1, 2], "name": ["a", None]}).write_parquet(tmp_path / "a.parquet")
    server.put(bucket, "a.parquet", (tmp_path / "a.parquet").read_bytes())
    frame = rows(reading(f"s3://{bucket}", format="parquet", storage=server.storage))
    assert frame.select("id", "name").rows() == [(1, "a"), (2, None)]


def test_a_key_that_leads_elsewhere_is_not_read(server: S3Server, bucket: str) -> None:
    """A split names a key of the same bucket, outside the prefix of the contract."""
    server.put(bucket, "secret.csv", b"id,name\n1,secret\n")
    uri = f"s3://{bucket}/in/../secret.csv"
    for name in (uri, f"s3://{bucket}/secret.csv"):
        split = Split("1", "x", {"files": [{"uri": name, "version": "x:1", "size": 1}]}, name)
        (frame,) = reading(f"s3://{bucket}/in", storage=server.storage).read(split)
        assert frame["_problem"].to_list() == ["file.unreadable"]


def test_wrong_keys_and_a_dead_server_are_told_apart(server: S3Server, bucket: str) -> None:
    """One is for the operator and never retried, the other is worth another try. Neither shows the secret."""
    wrong = server.storage | {"aws_secret_access_key": "canary-secret"}
    with pytest.raises(Broken) as refused:
        rows(reading(f"s3://{bucket}", storage=wrong))
    assert refused.value.code == "source.unauthorised"
    assert "canary-secret" not in str(refused.value)
    with pytest.raises(Broken) as unknown:
        rows(reading("s3://no-such-bucket", storage=server.storage))
    assert unknown.value.code == "source.rejected"
    dead = server.storage | {"aws_endpoint_url": "http://127.0.0.1:9"}
    with pytest.raises(Transient) as silent:
        rows(reading(f"s3://{bucket}", storage=dead))
    assert silent.value.code == "source.unreachable"
