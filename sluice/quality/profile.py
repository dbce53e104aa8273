"""A candidate in figures: nulls, distinct values, lowest and highest of each column, kept with its commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

_LONGEST = 80  # characters of a text bound: a profile is looked at, not computed with


def profile(frame: pl.LazyFrame) -> dict[str, dict[str, Any]]:
    """One pass over the frame."""
    schema = frame.collect_schema()
    return _figures(schema, frame.select(_aggregates(schema)).collect().row(0, named=True))


def profile_by(frame: pl.LazyFrame, by: str) -> dict[str, dict[str, dict[str, Any]]]:
    """The same for each value of the column `by`, in one pass."""
    schema = pl.Schema({name: dtype for name, dtype in frame.collect_schema().items() if name != by})
    rows = frame.group_by(by).agg(_aggregates(schema)).collect()
    return {row[by]: _figures(schema, row) for row in rows.iter_rows(named=True)}


def _aggregates(schema: pl.Schema) -> list[pl.Expr]:
    aggregates = []
    for name, dtype in schema.items():
        column = pl.col(name)
        aggregates.append(column.null_count().alias(f"nulls:{name}"))
        if not dtype.is_nested():
            aggregates += [column.n_unique().alias(f"distinct:{name}"), column.min().alias(f"min:{name}"),
                           column.max().alias(f"max:{name}")]  # fmt: skip
    return aggregates


def _figures(schema: pl.Schema, row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "nulls": row[f"nulls:{name}"],
            **(
                {"distinct": row[f"distinct:{name}"], "min": _say(row[f"min:{name}"]), "max": _say(row[f"max:{name}"])}
                if not dtype.is_nested()
                else {}
            ),
        }
        for name, dtype in schema.items()
    }


def _say(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_LONGEST]
