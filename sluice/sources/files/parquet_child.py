"""The child process that opens untrusted Parquet: `python -m sluice.sources.files.parquet_child MEMORY_MB DISK_BYTES`.

Requests come as JSON lines with an open descriptor on the socket that is our stdin; answers go back as JSON lines.
It may panic, abort, hang or run out of memory: the parent takes each of these as an answer. It ends with the parent.

A column reaches the contract's type only without loss: the pair of types must be one where that is possible, and the
values must come back equal when they are cast back. Otherwise the file is `contract.type_drift`, as a whole.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from sluice.model.columns import ColumnType

PIECE = 100_000  # rows
# Address space that Polars takes and does not use. With a limit below it a thread that gets no memory can leave the
# others waiting for ever; the parent watches what is really used.
RESERVED = 2 * 1024**3


class Drift(Exception):
    """A column that does not fit its contract type."""


class TooLarge(Exception):
    """More than the contract's `max_bytes` once it is expanded."""


def main() -> None:
    memory, disk = (int(argument) for argument in sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (memory * 1024 * 1024 + RESERVED,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (disk,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    line = socket.socket(fileno=0)
    while True:
        request, descriptors = b"", list[int]()
        while not request.endswith(b"\n"):
            block, passed, _, _ = socket.recv_fds(line, 1 << 16, 1)
            if not block:
                return
            request += block
            descriptors += passed
        with open(descriptors[0], "rb", closefd=True) as file:  # noqa: PTH123 - a descriptor, not a path
            line.sendall(json.dumps(answer(json.loads(request), f"/dev/fd/{file.fileno()}", disk)).encode() + b"\n")


def answer(request: dict[str, Any], path: str, disk: int) -> dict[str, Any]:
    try:
        frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        if request["do"] == "header":
            return {"names": frame.collect_schema().names()}
        return {"pieces": convert(frame, request, disk)}
    except Drift as error:
        return {"problem": "contract.type_drift", "what": str(error)}
    except TooLarge as error:
        return {"problem": "file.unreadable", "what": str(error)}
    except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception; each becomes a typed answer
        return {"problem": "file.unreadable", "what": f"{type(error).__name__}: {str(error)[:300]}"}


def convert(frame: pl.LazyFrame, request: dict[str, Any], disk: int) -> list[str]:
    """The names of the pieces, written below `room`, all in the contract's types."""
    schema = frame.collect_schema()
    columns = [
        fit(schema[source], ColumnType.parse(kind) if kind else None, source, request["timezone"])
        for source, _, kind in request["columns"]
    ]
    pieces, written = list[str](), 0
    for batch in frame.collect_batches(chunk_size=PIECE, maintain_order=True):
        ready = [column(batch[source]).alias(name) for column, (source, name, _) in zip(columns, request["columns"])]
        for piece in pl.DataFrame(ready).iter_slices(PIECE):
            pieces.append(f"piece-{len(pieces)}.arrow")
            path = Path(request["room"], pieces[-1])
            piece.write_ipc(path)
            written += path.stat().st_size
            if written > disk:
                raise TooLarge(f"it expands to more than {disk} bytes")
    return pieces


def fit(dtype: pl.DataType, kind: ColumnType | None, name: str, zone: str) -> Callable[[pl.Series], pl.Series]:
    """How a column of `dtype` becomes the contract's type, or text where the contract does not know it."""
    if kind is None:
        return as_text
    target = kind.polars()
    if dtype == target:
        return lambda series: series
    if dtype == pl.Null:
        return lambda series: series.cast(target)
    if kind.is_text and (isinstance(dtype, pl.Categorical | pl.Enum) or dtype == pl.Binary):
        return lambda series: _strict(series, target, name)
    if kind.name == "json" and dtype.is_nested():
        return as_text
    if not _possible(dtype, target):
        raise Drift(f"column {name!r} is {dtype}, which does not become {kind} without loss")

    def lossless(series: pl.Series) -> pl.Series:
        instants = _instants(series, zone, name) if kind.name == "timestamp" else series
        ready = _strict(instants, target, name)
        changed = ~_strict(ready, instants.dtype, name).eq_missing(instants)
        if changed.any():
            at = changed.arg_true()[0]
            raise Drift(f"column {name!r}: {instants[at]!r} does not become {kind} without loss")
        return ready

    return lossless


def _possible(dtype: pl.DataType, target: pl.DataType) -> bool:
    """Pairs in which a value can survive. Never from float to decimal or integer, never from number to text or back."""
    if isinstance(dtype, pl.List) and isinstance(target, pl.List):
        inner, wanted = dtype.inner, target.inner
        assert isinstance(inner, pl.DataType)
        assert isinstance(wanted, pl.DataType)
        return inner == wanted or _possible(inner, wanted)
    if target.is_integer():
        return dtype.is_integer() or (isinstance(dtype, pl.Decimal) and dtype.scale == 0)
    if target.is_float():
        return dtype.is_integer() or dtype.is_float()
    if target.is_decimal():
        return dtype.is_integer() or dtype.is_decimal()
    if target == pl.Date:
        return isinstance(dtype, pl.Datetime) and dtype.time_zone is None
    return isinstance(target, pl.Datetime) and isinstance(dtype, pl.Datetime)


def _instants(series: pl.Series, zone: str, name: str) -> pl.Series:
    """A time without a zone is the contract's local time. One that a clock change skips or doubles is no instant."""
    if getattr(series.dtype, "time_zone", None) is not None:
        return series.dt.convert_time_zone("UTC")
    try:
        return series.dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
    except pl.exceptions.ComputeError as error:
        raise Drift(f"column {name!r}: {error}") from error


def _strict(series: pl.Series, target: pl.DataType, name: str) -> pl.Series:
    try:
        return series.cast(target, strict=True)
    except pl.exceptions.PolarsError as error:
        raise Drift(f"column {name!r}: {str(error)[:300]}") from error


def as_text(series: pl.Series) -> pl.Series:
    """A column the contract does not know, as exact text: nested values as JSON, bytes in hexadecimal."""
    if series.dtype.is_nested():
        encoded = series.alias("v").to_frame().select(pl.struct("v").struct.json_encode()).to_series()  # {"v":…}
        return encoded.str.head(-1).str.slice(len('{"v":')).set(series.is_null(), None)
    if series.dtype == pl.Binary:
        return series.bin.encode("hex")
    return series.dt.to_string("iso") if series.dtype == pl.Duration else series.cast(pl.String)


if __name__ == "__main__":
    main()
