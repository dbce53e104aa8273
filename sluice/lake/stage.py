"""Writes Parquet files that no reader can see yet, with the statistics Delta's readers skip by.

A staged file belongs to nobody until a commit names it. On a disk it gets its name when it is whole, and is flushed to
the platter before anybody hears of it: a power cut must not leave a committed file without its bytes.

A file is never replaced. Of a step that runs twice (a lost worker comes back, a run is done again after a crash) the
first may be committed already, with its size, when the second writes: the same bytes are taken as they lie, and other
bytes get a name of their own.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from sluice.lake import naming, parquet, statistics
from sluice.model.facts import StagedFile

# Readers skip row groups by their bounds. A landed chunk of 130,000 rows, sorted by day, is read in sixteenths; a
# partition is mostly read whole.
_ROW_GROUP, _ROW_GROUP_IN_PARTITION = 8_192, 131_072
_MANY = 16  # files; fewer are flushed one by one
_OF_THE_CONNECTION = {
    "allow_http", "allow_invalid_certificates", "connect_timeout", "proxy_url", "timeout", "user_agent",
}  # fmt: skip
# A value is part of a path: text that needs escaping there is read back as something else, or from nowhere.
_PARTITION = re.compile(r"[0-9A-Za-z][0-9A-Za-z+_-]*")


def is_local(uri: str) -> bool:
    return "://" not in uri


def write(
    root: str,
    frame: pl.DataFrame,
    name: str,
    *,
    partition: dict[str, str] | None = None,
    storage: dict[str, str] | None = None,
) -> StagedFile:
    """Writes `frame` (without partition columns) below the table at `root`; the name is the caller's to make unique."""
    body = parquet.encode(frame, parquet.many_valued(frame), _ROW_GROUP_IN_PARTITION if partition else _ROW_GROUP)
    path = _put(root, name, partition or {}, body, storage or {})
    _flush(root, [path])
    return StagedFile(path, frame.height, len(body), statistics.of(frame), partition or {})


def write_each(
    root: str, frame: pl.DataFrame, by: str, names: Mapping[str, str], *, storage: dict[str, str] | None = None
) -> dict[str, StagedFile]:
    """A file for each value of a column that has a name: its rows in their order, without that column.

    A first landing of seven years is 2,500 days, so what a file costs beside its rows is paid here once for all:
    statistics, the choice of encodings, and the way to the platter.
    """
    ordered = frame if frame[by].is_sorted() else frame.sort(by, maintain_order=True)
    rows, start = ordered.drop(by), 0
    plain, said = parquet.many_valued(rows), statistics.of_each(frame, by)
    staged: dict[str, StagedFile] = {}
    for height, each in ordered[by].rle().struct.unnest().iter_rows():
        if (name := names.get(value := str(each))) is not None:
            body = parquet.encode(rows.slice(start, height), plain, _ROW_GROUP_IN_PARTITION)
            path = _put(root, name, {by: value}, body, storage or {})
            staged[value] = StagedFile(path, height, len(body), said[value], {by: value})
        start += height
    _flush(root, [file.path for file in staged.values()])
    return staged


def _path(name: str, partition: dict[str, str]) -> str:
    for value in partition.values():
        if not _PARTITION.fullmatch(value):
            raise ValueError(f"{value!r} cannot name a partition")
    return "/".join([*(f"{k}={v}" for k, v in partition.items()), f"{name}.parquet"])


def _put(root: str, name: str, partition: dict[str, str], body: bytes, storage: dict[str, str]) -> str:
    """The path below which these bytes lie, and no others."""
    create = _create_local if is_local(root) else _create_remote
    path = _path(name, partition)
    while not create(f"{root}/{path}", body, storage):
        path = _path(naming.other_name(name), partition)
    return path


def _create_local(uri: str, body: bytes, _: dict[str, str]) -> bool:
    """Whether the file holds these bytes. Linked, not renamed, as that fails where there is one; Delta's log does it
    the same way. A process id would not tell two writers apart: every container has a process 1."""
    target = Path(uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        temporary.write_bytes(body)
        os.link(temporary, target)
    except FileExistsError:
        return target.read_bytes() == body
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _create_remote(uri: str, body: bytes, storage: dict[str, str]) -> bool:
    import obstore
    from obstore.exceptions import AlreadyExistsError

    folder, _, name = uri.rpartition("/")
    with _outages():
        store = object_store(folder, storage)
        try:
            obstore.put(store, name, body, mode="create")
        except AlreadyExistsError:  # also after an answer of our own that was lost on its way
            return bytes(obstore.get(store, name).bytes()) == body
    return True


def _flush(root: str, paths: Sequence[str]) -> None:
    """Files and their folders to the platter. Each is asked for by itself, as that tells whether it got there; where
    there are many, the whole file system is told first, and then each finds its work done. One by one, 2,500 small
    files in a folder each cost 0.3 ms of CPU and 3 ms of waiting a file."""
    if not is_local(root):
        return
    if len(paths) > _MANY and hasattr(libc := ctypes.CDLL(None), "syncfs"):  # Linux has it
        with _opened(root) as descriptor:
            libc.syncfs(descriptor)
    for path in paths:
        with _opened(f"{root}/{path}") as descriptor:
            os.fsync(descriptor)
    for folder in dict.fromkeys(path.rpartition("/")[0] for path in paths):
        sync_folder(Path(root, folder))


def read_text(folder: str, name: str, storage: dict[str, str]) -> str:
    """A small file, whole. FileNotFoundError where there is none, OSError where the storage does not answer."""
    if is_local(folder):
        return (Path(folder) / name).read_text(encoding="utf-8")
    import obstore

    with _outages():
        return bytes(obstore.get(object_store(folder, storage), name).bytes()).decode()


def folders(uri: str, storage: dict[str, str]) -> list[str]:
    """The names of the folders below a place in an object store."""
    import obstore

    with _outages():
        listed = obstore.list_with_delimiter(object_store(uri, storage))
    return [path.rsplit("/", 1)[-1] for path in listed["common_prefixes"]]


@contextmanager
def _outages() -> Iterator[None]:
    """What an object store answers, as a disk would say it: FileNotFoundError or OSError."""
    from obstore.exceptions import BaseError, NotFoundError

    try:
        yield
    except NotFoundError as error:
        raise FileNotFoundError(str(error)) from error
    except BaseError as error:
        raise OSError(str(error)) from error


def object_store(uri: str, storage: dict[str, str]) -> Any:
    """The folder `uri` of an object store, with the same option names as Delta's and Polars'."""
    from obstore.store import from_url

    # Delta and Polars take all options in one; obstore panics when it meets one of the connection among the store's.
    client = {n: v for k, v in storage.items() if (n := k.removeprefix("aws_")) in _OF_THE_CONNECTION}
    store = {k: v for k, v in storage.items() if k.removeprefix("aws_") not in _OF_THE_CONNECTION}
    return from_url(uri, config=store, client_options=client)  # type: ignore[call-overload]


def sync_folder(folder: Path) -> None:
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
