"""Sample rows beside a contract: a few real ones, read by the contract, so that a mistake shows before any run.

A source's samples are what its connector would be given (a response body, a landed file, rows of the relation, by the
source's own names). A product's samples are its inputs, `<input>.csv`, and what must come out, `expected.csv`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.catalog.problems import Problem, nearest
from sluice.model.contract import Column
from sluice.model.source import Csv

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".json", ".ndjson")
MAX_BYTES = 1_000_000

Row = tuple[int, dict[str, Any]]


class BadSample(Exception):
    """The file, or one row of it, does not fit; `line` counts from 1 (records, in JSON)."""

    def __init__(self, message: str, line: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.hint = message, line, hint

    def problem(self, path: Path) -> Problem:
        return Problem(str(path), self.line, 1, "", self.message, self.hint)


@dataclass(frozen=True)
class Shape:
    """How a sample file is written, and what its columns are."""

    columns: Mapping[str, Column]
    timezone: str = "UTC"  # of timestamps without an offset
    csv: Csv = field(default_factory=Csv)
    records: str = ""  # dotted path of the list in a JSON body
    own_names: bool = False  # the file has the source's names, not the contract's


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []


def text(path: Path, shape: Shape) -> pl.DataFrame:
    """Every column as text, as connectors land it, with `_line`; BadSample names the first row that cannot be read."""
    import polars as pl

    rows = [{"_line": line, **_named(line, values, shape)} for line, values in _rows(path, shape)]
    return pl.DataFrame(rows, schema={"_line": pl.Int64, **dict.fromkeys(shape.columns, pl.String)})


def typed(path: Path, shape: Shape) -> pl.DataFrame:
    """The sample in the contract's types; BadSample names the first value that does not fit."""
    import polars as pl

    from sluice.quality import cast

    rows = text(path, shape)
    for name, column in shape.columns.items():
        value = cast.typed(name, column, pl.String(), shape.timezone).alias("_typed")
        marked = rows.with_columns(value)
        if (wrong := marked.filter(cast.misfit(name, column, pl.String(), "_typed"))).height:
            raise BadSample(f"{name} {wrong[name][0]!r} is not a {column.type}", wrong["_line"][0])
        rows = marked.with_columns(pl.col("_typed").alias(name)).drop("_typed")
        if not column.nullable and (holes := rows.filter(pl.col(name).is_null())).height:
            raise BadSample(f"{name} is empty, which the contract does not allow", holes["_line"][0])
    return rows.drop("_line")


def empty(shape: Shape) -> pl.DataFrame:
    """No rows, every column in its type."""
    import polars as pl

    return pl.DataFrame(schema={name: column.parsed.polars() for name, column in shape.columns.items()})


def _rows(path: Path, shape: Shape) -> Iterator[Row]:
    if path.stat().st_size > MAX_BYTES:
        raise BadSample(f"a sample has at most {MAX_BYTES:,} bytes; a few rows are enough")
    try:
        body = path.read_bytes().decode(shape.csv.encoding if path.suffix == ".csv" else "utf-8-sig")
        if path.suffix == ".csv":
            yield from _csv_rows(body, shape)
        elif path.suffix == ".ndjson":
            for line, each in enumerate(body.splitlines(), 1):
                yield line, _record(_json(each), line)
        else:
            records = _at(_json(body), shape.records) if shape.records else _json(body)
            if not isinstance(records, list):
                where = shape.records or "the top"
                raise BadSample(f"there is no list of records at {where!r}", hint="look at `records` in the contract")
            for line, each in enumerate(records, 1):
                yield line, _record(each, line)
    except UnicodeDecodeError as error:
        raise BadSample(f"not {error.encoding} (byte {error.start + 1})") from error
    except json.JSONDecodeError as error:
        raise BadSample(f"not JSON: {error.msg}", error.lineno) from error


def _csv_rows(body: str, shape: Shape) -> Iterator[Row]:
    style = shape.csv
    reader = csv.reader(
        body.lstrip("\ufeff").splitlines(keepends=True),
        delimiter=style.delimiter,
        quotechar=style.quote,
        quoting=csv.QUOTE_MINIMAL if style.quote else csv.QUOTE_NONE,
    )
    names = next(reader, []) if style.header else [column.source_name or n for n, column in shape.columns.items()]
    for fields in reader:
        if len(fields) != len(names):
            raise BadSample(f"{len(fields)} fields where the header has {len(names)}", reader.line_num)
        yield reader.line_num, {n: None if v == style.null else v for n, v in zip(names, fields)}


def _json(body: str) -> Any:
    return json.loads(body, parse_float=str, parse_int=str)  # numbers stay as written


def _record(value: Any, line: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSample("a record must be an object", line)
    return value


def _named(line: int, values: dict[str, Any], shape: Shape) -> dict[str, str | None]:
    """The row by the contract's names. A column that may not be null must at least be there."""
    row = {}
    for name, column in shape.columns.items():
        written = (column.source_name or name) if shape.own_names else name
        value = _at(values, written)
        if value is None and not column.nullable and not ({written, written.split(".")[0]} & values.keys()):
            raise BadSample(f"there is no column {written!r}", line, nearest(written, values))
        row[name] = value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return row


def _at(value: Any, path: str) -> Any:
    """By the name itself, or by the dotted path; None when it leads nowhere."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
