"""Names of data files: what is inside comes first, so that the log alone tells whether anything changed.

    <content>-<unit>-<sequence>-<run>.parquet

`content` is a digest of the rows (or of a landed file's uri, etag and size); `unit` stands for what the file
replaces when it comes again; `run` keeps two writers apart. Digests are over values, not over bytes on disk, and
do not depend on row order.
"""

from __future__ import annotations

import hashlib
import re
import secrets

import polars as pl

_OURS = re.compile(r"(.*/)?[0-9a-f]{16}-([0-9a-f]{16}|none)-\d{4,}-[^/]+\.parquet")

# The same over a column of paths: three years of landed files are too many to look at one by one.
_NAME = pl.col("path").str.split("/").list.last().str.split("-")
CONTENT, UNIT = _NAME.list.first().alias("content"), _NAME.list.get(1, null_on_oob=True).alias("unit")
STRANGE = ~pl.col("path").str.contains(f"^(?:{_OURS.pattern})$")


def digest(*parts: str) -> str:
    """Sixteen hex digits for a text identity."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def content(frame: pl.DataFrame) -> str:
    """Sixteen hex digits for a frame's rows in any order: the sum and the xor of their hashes, and their number."""
    if frame.height == 0:
        return digest("empty", *frame.columns)
    folded = _hashes(frame).select(_FOLDED).row(0)
    return digest(*frame.columns, *map(str, folded))


def contents(frame: pl.DataFrame, by: str) -> dict[str, str]:
    """`content` for the rows of each value of a column, without that column: in one pass for any number of values."""
    rows = frame.drop(by)
    folded = _hashes(rows).with_columns(frame[by].alias("by")).group_by("by").agg(_FOLDED)
    return {str(value): digest(*rows.columns, *map(str, rest)) for value, *rest in folded.iter_rows()}


_FOLDED = (
    (pl.col("hash") & 0xFFFFFFFF).sum().alias("low"),
    (pl.col("hash") // 2**32).sum().alias("high"),
    pl.col("hash").bitwise_xor().alias("xor"),
    pl.len().alias("rows"),
)


def _hashes(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.hash_rows(seed=7).to_frame("hash")


def file_name(content: str, run: str, sequence: int, unit: str | None = None) -> str:
    return f"{content}-{digest(unit) if unit else 'none'}-{sequence:04}-{run}"


def other_name(name: str) -> str:
    """A name of the same content, unit and run that nobody else has: where other bytes lie under the first."""
    content, unit, sequence, run = name.split("-", 3)
    return f"{content}-{unit}-{sequence}{secrets.randbelow(10**12):012}-{run}"


def is_ours(path: str) -> bool:
    """Whether a run of ours gave the name. Compactions and appends of other tools have names of their own."""
    return _OURS.fullmatch(path) is not None


def unit_of(path: str) -> str:
    """The unit digest in a file's name."""
    return path.rsplit("/", 1)[-1].split("-")[1]
