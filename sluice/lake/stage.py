"""Writes Parquet files that no reader can see yet, with the statistics Delta's readers skip by.

A staged file belongs to nobody until a commit names it. On a disk it is written under a temporary name,
checked, flushed to the platter and renamed: a power cut must not leave a committed file without its bytes.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from sluice.model.facts import StagedFile

STATS_COLUMNS = 32  # Delta's own default; wider tables carry statistics on their first columns
_PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 1}
# Readers skip row groups by their bounds. A landed chunk of 130,000 rows, sorted by day, is read in sixteenths; a
# partition is mostly read whole.
_ROW_GROUP, _ROW_GROUP_IN_PARTITION = 8_192, 131_072
_LONGEST_TEXT = 64  # longer texts are left out of min/max, as truncation would need care at both ends
_EPOCH = datetime(1970, 1, 1)
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
    partition = partition or {}
    for value in partition.values():
        if not _PARTITION.fullmatch(value):
            raise ValueError(f"{value!r} cannot name a partition")
    folder = "/".join(f"{k}={v}" for k, v in partition.items())
    path = f"{folder}/{name}.parquet" if folder else f"{name}.parquet"
    parquet = {**_PARQUET, "row_group_size": _ROW_GROUP_IN_PARTITION if partition else _ROW_GROUP}
    if is_local(root):
        size = _write_local(Path(root) / path, frame, parquet)
    else:
        size = _write_remote(f"{root}/{path}", frame, parquet, storage or {})
    return StagedFile(path, frame.height, size, statistics(frame), partition)


def statistics(frame: pl.DataFrame) -> str:
    """Delta's statistics of a frame: numRecords, minValues, maxValues, nullCount, as exact JSON.

    Column by column and not as one query: of a small file's cost, planning that query was the most (2.2 of 3.5 ms).
    """
    columns = frame.get_columns()[:STATS_COLUMNS]
    nulls = {each.name: each.null_count() for each in columns}
    lows: dict[str, Any] = {}
    highs: dict[str, Any] = {}
    for each in columns:
        low, high = _bounds(each)
        if low is not None and high is not None:
            lows[each.name], highs[each.name] = low, high
    facts = {"numRecords": frame.height, "minValues": lows, "maxValues": highs, "nullCount": nulls}
    return _encoder.encode(facts).decode()


_encoder = msgspec.json.Encoder(decimal_format="number")


def _bounds(values: pl.Series) -> tuple[Any, Any]:
    """The lowest and highest value as Delta writes them; None where there is none, or none that readers understand."""
    kind = values.dtype
    if isinstance(kind, pl.Date | pl.Datetime):
        ends = values.cast(pl.Int64)  # `to_physical` would be planned as a query
        return _written(ends.min(), kind), _written(ends.max(), kind)
    if not (kind.is_numeric() or isinstance(kind, pl.String)):
        return None, None
    # NaN is above every number, so a column that holds one has no bound.
    low: Any = values.min()
    high: Any = values.nan_max() if kind.is_float() else values.max()
    return (low, high) if _can_bound(low) and _can_bound(high) else (None, None)


def _can_bound(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not (isinstance(value, str) and len(value) > _LONGEST_TEXT)


def _written(value: Any, kind: pl.DataType) -> str | None:
    """Days or microseconds since 1970 as text. Polars knows years that Delta's readers cannot read: they bound none."""
    if value is None:
        return None
    try:
        if kind == pl.Date:
            return (_EPOCH + timedelta(days=value)).date().isoformat()
        return (_EPOCH + timedelta(microseconds=value)).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        return None


def _write_local(target: Path, frame: pl.DataFrame, parquet: dict[str, Any]) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        try:
            frame.write_parquet(temporary, **parquet)
        except pl.exceptions.ComputeError as error:  # so Polars says that the disk is full
            raise OSError(str(error)) from error
        with temporary.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(-4, os.SEEK_END)
            if file.read(4) != b"PAR1":  # a full disk has left files without their footer
                raise OSError(f"{temporary} was not written completely")
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)
    return size


def _write_remote(uri: str, frame: pl.DataFrame, parquet: dict[str, Any], storage: dict[str, str]) -> int:
    import obstore

    buffer = BytesIO()  # one staged chunk, so bounded by the split; the log needs its exact size
    frame.write_parquet(buffer, **parquet)
    folder, _, name = uri.rpartition("/")
    with _outages():
        obstore.put(object_store(folder, storage), name, buffer.getvalue())
    return buffer.tell()


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
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
