"""A candidate in figures: nulls, distinct values, lowest and highest of each column, kept with its commit."""

from __future__ import annotations

from typing import Any

import polars as pl

_LONGEST = 80  # characters of a text bound: a profile is looked at, not computed with


def profile(frame: pl.LazyFrame) -> dict[str, dict[str, Any]]:
    """One pass over the frame."""
    schema = frame.collect_schema()
    plain = [name for name, dtype in schema.items() if not dtype.is_nested()]
    aggregates = [pl.col(n).null_count().alias(f"nulls:{n}") for n in schema]
    for name in plain:
        column = pl.col(name)
        aggregates += [column.n_unique().alias(f"distinct:{name}"), column.min().alias(f"min:{name}"),
                       column.max().alias(f"max:{name}")]  # fmt: skip
    row = frame.select(aggregates).collect().row(0, named=True)
    return {
        name: {
            "nulls": row[f"nulls:{name}"],
            **(
                {"distinct": row[f"distinct:{name}"], "min": _say(row[f"min:{name}"]), "max": _say(row[f"max:{name}"])}
                if name in plain
                else {}
            ),
        }
        for name in schema
    }


def _say(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_LONGEST]
