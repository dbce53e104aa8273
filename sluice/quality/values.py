"""Values from YAML, made exactly what the column holds: a bound that moved by a rounding is another rule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from sluice.model.columns import ColumnType

_INT_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


class ExactText(str):
    """A decimal that travels through Great Expectations as text and compares as the number it is.

    As a Decimal it would be turned into a float for a metric's id: 38 digits become 17, two rules share one result,
    and each conversion walks the interpreter's stack (milliseconds). Against a float it is the nearest float: a mean
    of 10.1 meets a bound of 10.1.
    """

    __slots__ = ()

    @property
    def number(self) -> Decimal:
        return Decimal(str(self))

    def _beside(self, other: Any) -> tuple[Any, Any]:
        if isinstance(other, ExactText):
            return self.number, other.number
        return (float(self.number), other) if isinstance(other, float) else (self.number, other)

    def __eq__(self, other: object) -> bool:
        mine, theirs = self._beside(other)
        return bool(mine == theirs)

    def __ne__(self, other: object) -> bool:  # str has its own, by letters
        return not self == other

    def __lt__(self, other: Any) -> bool:
        mine, theirs = self._beside(other)
        return bool(mine < theirs)

    def __le__(self, other: Any) -> bool:
        mine, theirs = self._beside(other)
        return bool(mine <= theirs)

    def __gt__(self, other: Any) -> bool:
        mine, theirs = self._beside(other)
        return bool(mine > theirs)

    def __ge__(self, other: Any) -> bool:
        mine, theirs = self._beside(other)
        return bool(mine >= theirs)

    def __hash__(self) -> int:
        return hash(self.number)


def number(value: Any) -> int | float | ExactText:
    """A finite number: whole ones as int, all others as the decimal that was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"expected a number, not {value!r}")
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"expected a number, not {value!r}") from None
    if not exact.is_finite():
        raise ValueError(f"expected a finite number, not {value!r}")
    return int(exact) if exact == exact.to_integral_value() else ExactText(exact)


def places(value: Decimal) -> int:
    """Digits behind the point that count. Not by rounding: Python's decimal context would cut at 28 digits."""
    _, digits, exponent = value.as_tuple()
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0")) if value else len(digits)
    return max(0, -int(exponent) - zeros)


def typed(value: Any, type_: ColumnType, zone: str = "UTC") -> Any:
    """`value` as a column of `type_` holds it; ValueError says why it does not fit."""
    if value is None:
        raise ValueError("null is not a value; use nullable for that")
    if type_.is_text:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not text; write it in quotes")
        return value
    if type_.name == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither true nor false")
        return value
    if type_.is_number:
        return _number(value, type_)
    if type_.name == "date":
        return _date(value)
    if type_.name == "timestamp":
        return _instant(value, zone)
    raise ValueError(f"a column of type {type_} cannot be compared with a value")


def _number(value: Any, type_: ColumnType) -> Any:
    exact = Decimal(str(number(value)))
    if type_.name.startswith("float"):
        return float(exact)
    if type_.name == "decimal":
        if places(exact) > type_.scale or (exact and exact.adjusted() + 1 > type_.precision - type_.scale):
            raise ValueError(f"{value!r} does not fit {type_}")
        return ExactText(f"{exact:f}")
    bits = _INT_BITS[type_.name]
    if exact != exact.to_integral_value() or not -(2 ** (bits - 1)) <= exact < 2 ** (bits - 1):
        raise ValueError(f"{value!r} does not fit {type_}")
    return int(exact)


def _date(value: Any) -> date:
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError(f"{value!r} is not a date")
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"{value!r} is not a date like 2026-05-02") from None


def _instant(value: Any, zone: str) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"{value!r} is not a timestamp like 2026-05-02T06:00:00") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is not a timestamp")
    return (value if value.tzinfo else value.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
