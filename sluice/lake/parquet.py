"""A frame as the bytes of a Parquet file.

Most files are one day's rows, some hundreds of them, and there a file costs what its columns cost: Polars' writer
spends 0.85 ms of CPU on 300 rows of 22 columns, arrow-rs 0.45 (docs/adr/0015).
"""

from __future__ import annotations

from collections.abc import Collection
from io import BytesIO
from typing import Any

import polars as pl

_SAMPLE = 1_000  # rows


def many_valued(frame: pl.DataFrame) -> frozenset[str]:
    """The columns that repeat few of their values. Of them a dictionary is larger than the values, and takes longer to
    build than the rest of the file. Neighbouring rows are looked at, as they are what a file or a row group holds."""
    sample = frame.slice(max(0, (frame.height - _SAMPLE) // 2), _SAMPLE)
    flat = [each for each in sample.get_columns() if not each.dtype.is_nested() and each.dtype != pl.Boolean]
    return frozenset(each.name for each in flat if each.n_unique() * 2 > sample.height)


def encode(frame: pl.DataFrame, plain: Collection[str], row_group: int) -> bytes:
    """`plain`: columns that are written without a dictionary. They hold nearly all bytes, and get the thorough
    compression; to set it up for each of the others costs more than all else of a small file."""
    import arro3.io

    file, paths = BytesIO(), [(name,) for name in plain]
    options: dict[str, Any] = {
        "compression": "snappy",
        "column_compression": dict.fromkeys(paths, "zstd(1)"),
        "column_dictionary_enabled": dict.fromkeys(paths, False),
    }
    # The table's schema is in its log; a copy of it in every file was a tenth of a small one.
    arro3.io.write_parquet(frame, file, max_row_group_size=row_group, skip_arrow_metadata=True, **options)
    return file.getvalue()
