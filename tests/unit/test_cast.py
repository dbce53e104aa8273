"""Casting: a value is of the type to its last digit, or its row is rejected; never bent, and never a crash."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluice.model.contract import Column
from sluice.quality import cast

REJECTED = object()
anything = st.text(max_size=12) | st.text(alphabet="0123456789+-.eE :TZ_٣,", max_size=14)


def read(kind: str, *texts: str | None, timezone: str = "Asia/Tashkent", **more: Any) -> list[Any]:
    """What each text becomes: a value, None where there was none, or REJECTED."""
    column = Column(type=kind, **more)
    frame = pl.DataFrame({"v": texts}, schema={"v": pl.String})
    frame = frame.with_columns(t=cast.typed("v", column, pl.String(), timezone))
    assert frame.schema["t"] == column.parsed.polars()
    frame = frame.with_columns(misfit=cast.misfit("v", column, pl.String(), "t"))
    return [REJECTED if misfit else value for value, misfit in zip(frame["t"], frame["misfit"])]


def one(kind: str, text: str | None, **more: Any) -> Any:
    (value,) = read(kind, text, **more)
    return value.to_list() if isinstance(value, pl.Series) else value


@settings(deadline=None)
@given(st.sampled_from(["int8", "int16", "int32", "int64"]), st.integers(-(2**70), 2**70) | st.integers(-300, 300))
def test_a_whole_number_is_exact_or_rejected(kind: str, number: int) -> None:
    """A number beyond the type must not wrap around to another."""
    bits = int(kind[3:])
    fits = -(2 ** (bits - 1)) <= number < 2 ** (bits - 1)
    assert one(kind, str(number)) == (number if fits else REJECTED)


@settings(deadline=None)
@given(anything)
@example("1e3")
@example(" 7")
@example("7.0")
@example("1_000")
@example("٣")
@example("")
def test_what_is_no_whole_number_is_rejected(text: str) -> None:
    """Only a sign and digits are one: 1e3, 7.0 and ' 7' are somebody's other idea of it."""
    plain = re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII)
    assert one("int64", text) == (int(text) if plain else REJECTED)


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=4))
@example(Decimal("9999999999.99"))
@example(Decimal("10000000000.00"))
@example(Decimal("0.005"))
@example(Decimal("12.3400"))
def test_a_decimal_is_exact_or_rejected(number: Decimal) -> None:
    """Polars' own cast cuts 12.345 to 12.34: three tiyin on every row, and no trace of them."""
    text = f"{number:f}"
    fits = abs(number) < 10**10 and number == number.quantize(Decimal("0.01"))
    assert one("decimal(12,2)", text) == (number if fits else REJECTED)


@settings(deadline=None)
@given(anything)
def test_no_text_at_all_breaks_a_decimal(text: str) -> None:
    """Whatever comes out is what Python's own decimal reads there, to the last digit."""
    value = one("decimal(5,2)", text)
    assert value is REJECTED or value == Decimal(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
        ("decimal(38,0)", "1" + "0" * 38, REJECTED),
        ("decimal(38,38)", "0." + "9" * 38, Decimal("0." + "9" * 38)),
        ("decimal(38,38)", "1", REJECTED),
        ("decimal(5,2)", "-999.99", Decimal("-999.99")),
        ("decimal(5,2)", "999.990000", Decimal("999.99")),
        ("decimal(5,2)", "000999.99", Decimal("999.99")),
        ("decimal(5,2)", "1000", REJECTED),
        ("decimal(5,2)", "1e3", REJECTED),
        ("decimal(5,2)", "+5", Decimal(5)),
        ("decimal(5,2)", ".5", Decimal("0.5")),
        ("decimal(5,2)", "7.", Decimal(7)),
        ("decimal(5,2)", ".", REJECTED),
        ("decimal(5,2)", "-", REJECTED),
        ("decimal(5,2)", " 7", REJECTED),
        ("decimal(5,2)", "1,5", REJECTED),
        ("decimal(5,2)", "", REJECTED),
        ("decimal(5,2)", None, None),
        ("bool", "TRUE", True),
        ("bool", "f", False),
        ("bool", "no", False),
        ("bool", "2", REJECTED),
        ("bool", "", REJECTED),
        ("date", "2026-02-28", date(2026, 2, 28)),
        ("date", "2026-02-30", REJECTED),
        ("date", "2026-5-1", REJECTED),
        ("date", " 2026-05-01", REJECTED),
        ("date", "20260501", REJECTED),
        ("date", "2026-05-01T00:00:00", REJECTED),
        ("date", "0001-01-01", date(1, 1, 1)),
        ("date", "0000-01-01", REJECTED),
        ("date", "+12026-05-01", REJECTED),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("uuid", "123e4567e89b12d3a456426614174000", "123e4567e89b12d3a456426614174000"),
        ("uuid", "123e4567-e89b-12d3-a456-42661417400", REJECTED),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000\n", REJECTED),
        ("float64", "1e3", 1000.0),
        ("float64", "0x10", REJECTED),
        ("float64", " 7", REJECTED),
        ("string", " as it is ", " as it is "),
        ("json", "{not even json", "{not even json"),
    ],
)
def test_texts_and_what_they_are(kind: str, text: str | None, value: Any) -> None:
    """The table of what is read and what is refused."""
    assert one(kind, text) == value


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-01T10:00:00Z", "2026-05-01T10:00:00+00:00"),
        ("2026-05-01t10:00:00z", "2026-05-01T10:00:00+00:00"),
        ("2026-05-01 10:00:00+05", "2026-05-01T05:00:00+00:00"),
        ("2026-05-01T10:00:00+0500", "2026-05-01T05:00:00+00:00"),
        ("2026-05-01T10:00:00 -03:30", "2026-05-01T13:30:00+00:00"),
        ("2026-05-01T10:00+05", "2026-05-01T05:00:00+00:00"),
        ("2026-05-01T10:00", "2026-05-01T05:00:00+00:00"),
        ("2026-05-01T10:00:00.123456", "2026-05-01T05:00:00.123456+00:00"),
        ("2026-05-01T10:00:00.1234560000Z", "2026-05-01T10:00:00.123456+00:00"),
        ("2026-05-01T10:00:00.123456789Z", None),  # a nanosecond more than the type can hold
        ("2026-05-01T10:00:60Z", None),
        ("2026-05-01T24:00:00Z", None),
        ("2026-05-01", None),
        ("2026-5-1T1:2:3Z", None),
        ("2026-05-01  10:00:00", None),
        ("2026-05-01T10:00:00.Z", None),
        ("+12026-05-01T10:00:00Z", None),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
        ("0001-01-01T00:00:00", None),  # in Tashkent that is in year 0
        ("١٠٢٦-٠٥-٠١T10:00:00Z", None),
    ],
)
def test_instants_and_what_they_are(text: str, instant: str | None) -> None:
    """With an offset, exactly that; without one, the local time of the contract's zone; nothing is cut or guessed."""
    assert one("timestamp", text) == (datetime.fromisoformat(instant) if instant else REJECTED)


@settings(deadline=None)
@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.none() | st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)
def test_every_instant_that_python_writes_is_read_back(at: datetime, offset: timezone | None) -> None:
    """ISO 8601 as Python, PostgreSQL and JavaScript write it, with any offset and any year."""
    value = one("timestamp", at.replace(tzinfo=offset or UTC).isoformat())
    assert value == at.replace(tzinfo=offset or UTC)


offsets = st.none() | st.sampled_from([0, 0, 300, -210, 14 * 60, 15 * 60]).map(lambda m: timezone(timedelta(minutes=m)))
writings = st.tuples(st.sampled_from("T "), st.sampled_from(["auto", "seconds", "milliseconds", "minutes"]))


@settings(deadline=None)
@given(
    st.lists(
        st.none()
        | st.sampled_from(["", "soon", "2026-02-30T10:00:00Z", "2026-05-01T10:00:60Z", "2026-05-01T25:00:00"])
        | st.tuples(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)), offsets, writings),
        min_size=1,
        max_size=6,
    ),
    offsets,
)
def test_how_a_neighbour_is_written_changes_no_instant(found: list[Any], usual: timezone | None) -> None:
    """The first text's shape tells how most others are read: one of another shape, or none, must not come out wrong."""
    texts, expected = list[str | None](), list[Any]()
    for each in found:
        if each is None or isinstance(each, str):
            texts.append(each)
            expected.append(each if each is None else REJECTED)
            continue
        at, offset, (between, spec) = each
        text = at.replace(tzinfo=offset or usual).isoformat(between, spec)
        texts.append(text.replace("+00:00", "Z"))
        instant = datetime.fromisoformat(text)
        expected.append(instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC))
    assert read("timestamp", *texts, timezone="UTC") == expected


@settings(deadline=None)
@given(st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)))
@example(datetime(2026, 3, 29, 2, 30))
@example(datetime(2026, 10, 25, 2, 30))
def test_a_local_hour_that_a_clock_change_skips_or_repeats_is_rejected(at: datetime) -> None:
    """02:30 on the night of the change is no instant, or two: a guess puts the sale an hour off."""
    local = at.replace(tzinfo=ZoneInfo("Europe/Berlin"))
    twins = {local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
    assert one("timestamp", at.isoformat(), timezone="Europe/Berlin") == (twins.pop() if len(twins) == 1 else REJECTED)


def test_a_format_reads_as_its_author_says() -> None:
    """A declared format is a declared loss: here nanoseconds are cut, because the contract says so."""
    assert one("timestamp", "01.05.2026 10:00", format="%d.%m.%Y %H:%M") == datetime(2026, 5, 1, 5, tzinfo=UTC)
    assert one("date", "01.05.2026", format="%d.%m.%Y") == date(2026, 5, 1)
    nanoseconds = one("timestamp", "2026-05-01T10:00:00.123456789+00:00", format="%Y-%m-%dT%H:%M:%S%.f%z")
    assert nanoseconds == datetime(2026, 5, 1, 10, 0, 0, 123456, UTC)
    assert one("date", "2026-05-01", format="%d.%m.%Y") is REJECTED


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("array(string)", '["a", "b"]', ["a", "b"]),
        ("array(string)", "[]", []),
        ("array(string)", '["a", null]', ["a", None]),
        ("array(string)", "[1.50, true]", ["1.50", "true"]),
        ("array(string)", None, None),
        ("array(string)", "", REJECTED),
        ("array(string)", "[1,2", REJECTED),
        ("array(string)", "nonsense", REJECTED),
        ("array(string)", '{"a": 1}', REJECTED),
        ("array(string)", "[[1]]", REJECTED),
        ("array(string)", "null", REJECTED),
        ("array(string)", '["\\ud800"]', REJECTED),
        ("array(string)", "[" * 100_000, REJECTED),
        ("array(int64)", "[1, 2]", [1, 2]),
        ("array(int64)", '["1", "x"]', REJECTED),
        ("array(int64)", "[1.5]", REJECTED),
        ("array(int64)", "[null]", [None]),
        ("array(decimal(5,2))", "[1.50]", [Decimal("1.50")]),
        ("array(decimal(5,2))", "[12.345]", REJECTED),
        ("array(date)", '["2026-05-01"]', [date(2026, 5, 1)]),
    ],
)
def test_arrays_are_exact_in_every_item_or_rejected_whole(kind: str, text: str | None, value: Any) -> None:
    """Polars' decoder stopped the whole batch at the first bad array, and made a bad item null without a word."""
    assert one(kind, text) == value


def test_a_bad_array_does_not_touch_its_neighbours() -> None:
    """One row is rejected; the rest of the batch is what it would have been without it."""
    assert [v if v is REJECTED else list(v) for v in read("array(int64)", "[1]", "[", "[2]")] == [[1], REJECTED, [2]]


@settings(deadline=None)
@given(st.sampled_from(["bool", "date", "timestamp", "uuid", "float32", "array(int32)", "array(string)"]), anything)
def test_no_text_breaks_any_type(kind: str, text: str) -> None:
    """A row may be rejected; the batch goes on."""
    assert len(read(kind, text, "", None)) == 3


def test_cleaning_comes_before_the_type() -> None:
    """trim and empty_to_null are declared, so ' 7 ' and '  ' are no faults of the source any more."""
    assert read("int64", " 7 ", "  ", clean=["trim", "empty_to_null"]) == [7, None]
    assert read("string", " a ", clean=["trim", "upper"]) == ["A"]


@pytest.mark.parametrize(
    ("have", "kind", "values", "kept"),
    [
        (pl.Float64(), "int64", [1.9, 2.0, None], [None, 2, None]),
        (pl.Int64(), "int8", [127, 128], [127, None]),
        (pl.Decimal(20, 4), "decimal(12,2)", [Decimal("1.2345"), Decimal("1.2300")], [None, Decimal("1.23")]),
    ],
)
def test_typed_sources_are_cast_without_loss_too(
    have: pl.DataType, kind: str, values: list[Any], kept: list[Any]
) -> None:
    """A contract that narrows a type meets rows that were landed in the wider one."""
    column = Column(type=kind)
    frame = pl.DataFrame({"v": values}, schema={"v": have}).with_columns(t=cast.typed("v", column, have, "UTC"))
    assert frame["t"].to_list() == kept
    misfit = frame.select(cast.misfit("v", column, have, "t")).to_series().to_list()
    assert misfit == [v is not None and k is None for v, k in zip(values, kept)]
