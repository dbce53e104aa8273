"""Landing frames of files: the contract's names, the rest by their own, and rows for what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import polars as pl

from sluice.errors import Broken
from sluice.model.contract import Column
from sluice.sources.base import can_name_a_column
from sluice.sources.json_rows import OURS

TAIL = {"_origin": pl.String(), "_line": pl.Int64(), "_problem": pl.String(), "_raw": pl.String()}
ROWS = 200_000  # of one frame: files with tiny rows must not make huge ones

Schema = dict[str, pl.DataType]


def text_schema(columns: Mapping[str, Column]) -> Schema:
    return {name: pl.String() for name in columns}


def typed_schema(columns: Mapping[str, Column]) -> Schema:
    return {name: column.parsed.polars() for name, column in columns.items()}


def landing_names(
    header: Sequence[str], columns: Mapping[str, Column], uri: str, line: str, keep: bool = True
) -> list[str]:
    """What each column of the file is called from here on.

    Broken when a column the contract cannot do without is missing, or when a name stands twice: which of the two is
    meant nobody can tell. A column without a name is called after its place. With `keep`, an unknown column whose name
    no table can hold makes its file unreadable, and the others go on.
    """
    named = [name or f"column_{number}" for number, name in enumerate(header, 1)]
    if twice := [name for name, times in Counter(named).items() if times > 1]:
        raise Broken("file.unreadable", f"the header names {twice[0]!r} twice: {line}", uri, "rename one of them")
    wanted = {column.source_name or name: name for name, column in columns.items()}
    for source, name in wanted.items():
        if source not in named and not columns[name].nullable:
            near = get_close_matches(source, named, 1, cutoff=0.5)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            what = f"there is no column {source!r}, which the contract promises as {name!r}{hint}: {line}"
            raise Broken("contract.missing_column", what, uri, f"ask the source's owner, or set `from` of {name!r}")
    taken = {*columns, *OURS}
    landed = []
    for source in named:
        name = wanted.get(source, source)
        while source not in wanted and name in taken:
            name = f"source.{name}"
        if keep and source not in wanted and not can_name_a_column(name):
            what = f"no table can hold a column named {source!r}: {line}"
            raise Broken("file.unreadable", what, uri, "name it in the contract (`from:`), or drop unknown columns")
        taken.add(name)
        landed.append(name)
    names = dict.fromkeys([*columns, *landed])
    cases = Counter(name.lower() for name in names)
    if keep and (alike := [name for name in names if cases[name.lower()] > 1]):
        what = f"names that differ only by case, {alike[0]!r} and {alike[1]!r}: {line}"
        raise Broken("file.unreadable", what, uri, "rename one of them, or drop unknown columns")
    return landed


def finish(frame: pl.DataFrame, schema: Schema, uri: str, lines: pl.Series | None) -> pl.DataFrame:
    """Good rows as a landing frame: the contract's columns first, absent ones null."""
    others = [name for name in frame.columns if name not in schema]
    return frame.select(
        *(name if name in frame.columns else pl.lit(None, dtype).alias(name) for name, dtype in schema.items()),
        *others,
        pl.lit(uri).alias("_origin"),
        (pl.lit(None, pl.Int64) if lines is None else lines).alias("_line"),
        pl.lit(None, pl.String).alias("_problem"),
        pl.lit(None, pl.String).alias("_raw"),
    )


def problems(schema: Schema, uri: str, code: str, found: Sequence[tuple[int | None, str]]) -> pl.DataFrame:
    """One row per (line, raw text). A problem of the whole file has no line, and says in `_raw` what is wrong."""
    tail = pl.DataFrame(
        {
            "_origin": [uri] * len(found),
            "_line": [line for line, _ in found],
            "_problem": [code] * len(found),
            "_raw": [raw for _, raw in found],
        },
        schema=TAIL,
    )
    return tail.select(*(pl.lit(None, dtype).alias(name) for name, dtype in schema.items()), *TAIL)


def empty(schema: Schema) -> pl.DataFrame:
    """A file without rows: the columns, so that whoever stages it needs no special case."""
    return pl.DataFrame(schema={**schema, **TAIL})
