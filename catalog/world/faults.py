"""What can be wrong with a day, each kind with the rule that must catch it and the place it must be found in.

Faulty rows are added to the truth, never made out of it: a good row that goes missing is then always our loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Literal

import polars as pl

from catalog.world.generate import ONLINE, ORDERS, TILLS
from catalog.world.wire import key_of

FUTURE = datetime(2999, 12, 31, tzinfo=UTC)
Outcome = Literal["quarantined", "superseded", "accepted", "refused"]


class Kind(StrEnum):
    # rows set aside by a rule
    BAD_CURRENCY = "bad currency"
    NEGATIVE_TOTAL = "negative total"
    NULL_KEY = "null key"
    UNKNOWN_REGION = "unknown region"
    BAD_TIMESTAMP = "bad timestamp"
    BAD_NUMBER = "bad number"
    DISCOUNT_TOO_LARGE = "discount too large"
    # files that are wrong as files
    RAGGED_LINE = "ragged line"
    MISSING_COLUMN = "missing column"
    UNREADABLE_FILE = "unreadable file"
    # rows that are right, and tempt a pipeline to lose or double them
    DUPLICATES = "duplicates"
    EQUAL_TIMESTAMPS = "equal timestamps"
    LATE_ROWS = "late rows"
    FUTURE_CURSOR = "future cursor"
    UNKNOWN_STORE = "unknown store"
    # every row is right by itself, and the day is wrong
    WRONG_TOTALS = "wrong totals"


SOURCES: dict[Kind, tuple[str, ...]] = {
    Kind.BAD_CURRENCY: (ORDERS, TILLS, ONLINE),
    Kind.NEGATIVE_TOTAL: (ORDERS, TILLS, ONLINE),
    Kind.NULL_KEY: (ORDERS, TILLS, ONLINE),
    Kind.UNKNOWN_REGION: (ONLINE,),
    Kind.BAD_TIMESTAMP: (TILLS, ONLINE),
    Kind.BAD_NUMBER: (TILLS, ONLINE),
    Kind.DISCOUNT_TOO_LARGE: (ORDERS, TILLS, ONLINE),
    Kind.RAGGED_LINE: (TILLS,),
    Kind.MISSING_COLUMN: (TILLS,),
    Kind.UNREADABLE_FILE: (TILLS,),
    Kind.DUPLICATES: (ORDERS, TILLS, ONLINE),
    Kind.EQUAL_TIMESTAMPS: (ORDERS, ONLINE),
    Kind.LATE_ROWS: (ORDERS, ONLINE),
    Kind.FUTURE_CURSOR: (ORDERS, ONLINE),
    Kind.UNKNOWN_STORE: (ORDERS,),
    Kind.WRONG_TOTALS: (ORDERS,),
}
WHOLE_FILE = (Kind.MISSING_COLUMN, Kind.UNREADABLE_FILE)


@dataclass(frozen=True)
class Fault:
    """`rows` of one kind, in one source, on the day it is declared for. LATE_ROWS are of the day before."""

    kind: Kind
    source: str
    rows: int = 1

    def __post_init__(self) -> None:
        if self.source not in SOURCES[self.kind]:
            raise ValueError(f"{self.kind} is not a fault of {self.source} (of: {', '.join(SOURCES[self.kind])})")


@dataclass(frozen=True)
class Declared:
    """One injected row or file, and what must become of it. `reason` is what quarantine must say."""

    kind: Kind
    source: str
    day: date
    outcome: Outcome
    reason: str | None = None
    key: str | None = None
    origin: str | None = None  # file name, relation, or API path
    line: int | None = None


def is_row_fault(kind: Kind) -> bool:
    return kind in _ROW_FAULTS


def spoil(rows: pl.DataFrame, fault: Fault) -> pl.DataFrame:
    """Good rows on the wire (all text), made wrong in one way."""
    number = pl.int_range(pl.len()) % 3
    key = key_of(fault.source)
    at = "sold_at" if fault.source == TILLS else "ordered_at"
    currencies = pl.when(number == 0).then(pl.lit("US$")).when(number == 1).then(pl.lit("SUM")).otherwise(pl.lit("EUR"))
    change: dict[Kind, dict[str, pl.Expr]] = {
        Kind.BAD_CURRENCY: {"currency": currencies},
        Kind.NEGATIVE_TOTAL: {_total(fault.source): pl.lit("-100.00")},
        Kind.NULL_KEY: {key: pl.lit(None, dtype=pl.String)},
        Kind.UNKNOWN_REGION: {"region": pl.lit("atlantis")},
        Kind.BAD_TIMESTAMP: {at: pl.lit("31/02/2026 25:61")},
        Kind.BAD_NUMBER: {_total(fault.source): pl.lit("12 000,50 so'm")},
        Kind.DISCOUNT_TOO_LARGE: {"discount_total": pl.lit("9999999.00")},
    }
    return rows.with_columns(**change[fault.kind])


def reason_of(fault: Fault) -> str | None:
    """What quarantine must say of such a row."""
    at = "sold_at" if fault.source == TILLS else "ordered_at"
    key = "receipt_id" if fault.source == TILLS else "order_id"
    return {
        Kind.BAD_CURRENCY: "R1",
        Kind.NEGATIVE_TOTAL: "range:order_total",
        Kind.NULL_KEY: f"null:{key}",
        Kind.UNKNOWN_REGION: "one_of:region",
        Kind.BAD_TIMESTAMP: f"type:{at}",
        Kind.BAD_NUMBER: "type:order_total",
        Kind.DISCOUNT_TOO_LARGE: "R2",
        Kind.RAGGED_LINE: "file.ragged_line",
        Kind.MISSING_COLUMN: "contract.missing_column",
        Kind.UNREADABLE_FILE: "file.unreadable",
    }.get(fault.kind)


_ROW_FAULTS = {
    Kind.BAD_CURRENCY, Kind.NEGATIVE_TOTAL, Kind.NULL_KEY, Kind.UNKNOWN_REGION, Kind.BAD_TIMESTAMP, Kind.BAD_NUMBER,
    Kind.DISCOUNT_TOO_LARGE,
}  # fmt: skip


def _total(source: str) -> str:
    return "total" if source == TILLS else "order_total"
