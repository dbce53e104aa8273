"""Text to the contract's types, exactly, telling which values do not fit.

Lenient casts lose data quietly: Polars reads 12.345 as a decimal(12,2) of 12.34, and a timestamp without a zone as
UTC. Here a value either is of the type, to the last digit, or the row is rejected with `type:<column>`.
"""

from __future__ import annotations

import polars as pl

from sluice.model.columns import ColumnType
from sluice.model.contract import Column

_UUID = r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"
_TRUE, _FALSE = ["true", "t", "1", "yes", "y"], ["false", "f", "0", "no", "n"]


def cleaned(value: pl.Expr, column: Column) -> pl.Expr:
    """The contract's standardising steps, in its order."""
    for step in column.clean:
        if step == "trim":
            value = value.str.strip_chars()
        elif step == "lower":
            value = value.str.to_lowercase()
        elif step == "upper":
            value = value.str.to_uppercase()
        else:
            value = pl.when(value != "").then(value)
    return value


def typed(name: str, column: Column, have: pl.DataType, timezone: str) -> pl.Expr:
    """The column as its contract's type; what does not fit becomes null (see `misfit`)."""
    want = column.parsed
    value = pl.col(name)
    if have == pl.String:
        return _from_text(cleaned(value, column), want, column.format, timezone)
    return value if have == want.polars() else value.cast(want.polars(), strict=False)


def misfit(name: str, column: Column, have: pl.DataType, typed_name: str) -> pl.Expr:
    """True where there was a value and the type could not hold it."""
    there = pl.col(name)
    if have == pl.String:
        there = cleaned(there, column)
    return there.is_not_null() & pl.col(typed_name).is_null()


def _from_text(text: pl.Expr, want: ColumnType, form: str | None, timezone: str) -> pl.Expr:
    if want.name == "uuid":
        return pl.when(text.str.contains(_UUID)).then(text)
    if want.is_text:
        return text
    if want.name == "bool":
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    if want.name == "decimal":
        exact = rf"^[+-]?0*\d{{0,{want.precision - want.scale}}}(\.\d{{0,{want.scale}}}0*)?$"
        return pl.when(text.str.contains(exact)).then(text).cast(want.polars(), strict=False)
    if want.name == "date":
        return text.str.to_date(form or "%Y-%m-%d", strict=False)
    if want.name == "timestamp":
        return _timestamp(text, form, timezone)
    if want.name == "array":
        assert want.item is not None
        items = text.str.json_decode(pl.List(pl.String))
        return items if want.item.is_text else items.cast(want.polars(), strict=False)
    return text.cast(want.polars(), strict=False)


def _timestamp(text: pl.Expr, form: str | None, timezone: str) -> pl.Expr:
    """An instant. Without an offset it is local time; an hour that a clock change skips or repeats is none."""

    def local(value: pl.Expr, pattern: str) -> pl.Expr:
        naive = value.str.to_datetime(pattern, strict=False, time_unit="us")
        return naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")

    def zoned(value: pl.Expr, pattern: str) -> pl.Expr:
        return value.str.to_datetime(pattern, strict=False, time_unit="us", time_zone="UTC")

    if form:
        return zoned(text, form) if "%z" in form else local(text, form)
    iso = (
        text.str.replace(r"^(\S{10}) ", "${1}T")
        .str.replace(r"[Zz]$", "+00:00")
        .str.replace(r"(T.*[+-]\d\d)$", "${1}:00")
    )
    return pl.coalesce(
        zoned(iso, "%Y-%m-%dT%H:%M:%S%.f%z"), local(iso, "%Y-%m-%dT%H:%M:%S%.f"), local(iso, "%Y-%m-%dT%H:%M")
    )
