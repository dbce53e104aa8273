"""Text to the contract's types, exactly, telling which values do not fit.

Lenient casts lose data quietly: Polars reads 12.345 as a decimal(12,2) of 12.34, nanoseconds as microseconds, and a
timestamp without a zone as UTC. Here a value either is of the type, to the last digit, or the row is rejected with
`type:<column>`. A `format` in the contract is the author's word for how to read: what it drops, it drops.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from sluice.model.columns import ColumnType
from sluice.model.contract import Column

_UUID = r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_INSTANT = (
    rf"^{_DAY}[Tt ][0-9]{{2}}:[0-9]{{2}}(:[0-5][0-9](\.[0-9]{{1,6}}0*)?)?"  # a 60th second is none of ours
    r" ?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?$"
)
_USUAL = re.compile(
    rf"{_DAY}(?P<between>[T ])[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9](\.[0-9]{{1,6}})?"
    r"(?P<end>Z|(?P<sign>[+-])(?P<hours>0[0-9]|1[0-4]):(?P<minutes>[0-5][0-9])|)"
)
_LOOKED_AT = 100  # texts, to find one that says how the others are written
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
    if have == want.polars():
        return value
    fitting = value.cast(want.polars(), strict=False)
    return pl.when(fitting.cast(have, strict=False) == value).then(fitting)


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
        if form is None:
            text = pl.when(text.str.contains(f"^{_DAY}$")).then(text)
        day = text.str.to_date(form or "%Y-%m-%d", strict=False)
        return day.map_batches(_readable, return_dtype=pl.Date, is_elementwise=True)
    if want.name == "timestamp":
        return _timestamp(text, form, timezone)
    if want.name == "array":
        assert want.item is not None
        items = text.map_batches(_items, return_dtype=pl.List(pl.String), is_elementwise=True)
        fitting = items.list.eval(_from_text(pl.element(), want.item, None, timezone))
        lost = (
            fitting.list.eval(pl.element().is_null().cast(pl.UInt32)).list.sum()
            > items.list.eval(pl.element().is_null().cast(pl.UInt32)).list.sum()
        )
        return pl.when(~lost).then(fitting)
    return text.cast(want.polars(), strict=False)


def _timestamp(text: pl.Expr, form: str | None, timezone: str) -> pl.Expr:
    """An instant. Without an offset it is local time; an hour that a clock change skips or repeats is none."""
    if form is None:
        instant = text.map_batches(
            lambda texts: _instants(texts, timezone), return_dtype=pl.Datetime("us", "UTC"), is_elementwise=True
        )
    else:
        instant = _zoned(text, form) if "%z" in form else _local(text.str.to_datetime(form, **_LENIENT), timezone)
    return instant.map_batches(_readable, return_dtype=pl.Datetime("us", "UTC"), is_elementwise=True)


_LENIENT: dict[str, Any] = {"strict": False, "time_unit": "us"}


def _instants(texts: pl.Series, timezone: str) -> pl.Series:
    """What writes times writes them all in one way. Those of the first one's shape are cut at fixed places, which takes
    a tenth of the 1.5 microseconds that a text of any shape does."""
    shape = next((m for text in texts.head(_LOOKED_AT) if text and (m := _USUAL.fullmatch(text))), None)
    frame = texts.to_frame("text")
    if shape is None:
        return frame.select(_of_any_shape(pl.col("text"), timezone)).to_series()
    between, end = shape["between"], shape["end"]
    same = rf"^{_DAY}{between}[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9](\.[0-9]{{1,6}})?{re.escape(end)}$"
    usual = frame.select(pl.col("text").str.contains(same)).to_series()
    seconds = pl.col("text").str.head(19).str.to_datetime(f"%Y-%m-%d{between}%H:%M:%S", **_LENIENT)
    micros = pl.col("text").str.strip_suffix(end).str.slice(20).str.pad_end(6, "0").cast(pl.Int64)
    clock = seconds + pl.duration(microseconds=micros)
    if end:
        ahead = timedelta(hours=int(shape["hours"] or 0), minutes=int(shape["minutes"] or 0))
        instant = (clock - (-ahead if shape["sign"] == "-" else ahead)).dt.replace_time_zone("UTC")
    else:
        instant = _local(clock, timezone)
    if usual.all():
        return frame.select(instant).to_series()
    frame = frame.with_columns(text=pl.when(usual).then("text"), other=pl.when(~usual).then("text"))
    return frame.select(pl.coalesce(instant, _of_any_shape(pl.col("other"), timezone))).to_series()


def _of_any_shape(text: pl.Expr, timezone: str) -> pl.Expr:
    iso = (
        pl.when(text.str.contains(_INSTANT))
        .then(text)
        .str.replace(r"^(\S{10})[t ]", "${1}T")
        .str.replace(r" ?[Zz]$", "+00:00")
        .str.replace(r"^(\S{16})([+-].*)?$", "${1}:00${2}")
        .str.replace(r"(:.*[+-]\d\d)$", "${1}:00")
    )
    local = iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", **_LENIENT)
    return pl.coalesce(_zoned(iso, "%Y-%m-%dT%H:%M:%S%.f%z"), _local(local, timezone))


def _zoned(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_datetime(form, time_zone="UTC", **_LENIENT)


def _local(clock: pl.Expr, timezone: str) -> pl.Expr:
    zoned = clock.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def _readable(times: pl.Series) -> pl.Series:
    """Years 1 to 9999: Polars knows others, and every other reader stops at them."""
    if isinstance(times.dtype, pl.Date):
        inside = times.is_between(date.min, date.max)
    else:
        inside = times.is_between(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    return times if inside.all() else times.to_frame().select(pl.when(inside).then(times).alias(times.name)).to_series()


def _items(texts: pl.Series) -> pl.Series:
    """JSON arrays of scalars as lists of text; anything else is null. Polars' own decoder stops at a bad value."""
    return pl.Series(texts.name, [_item_texts(text) for text in texts], dtype=pl.List(pl.String))


def _item_texts(text: str | None) -> list[str | None] | None:
    try:
        found = json.loads(text, parse_int=str, parse_float=str) if text else None
        if not isinstance(found, list) or any(isinstance(item, list | dict) for item in found):
            return None
        texts = [str(item).lower() if isinstance(item, bool | float) else item for item in found]
        "".join(item or "" for item in texts).encode()  # half a surrogate pair is JSON, but no text
    except (ValueError, RecursionError):
        return None
    return texts
