"""Column types: the small vocabulary of contracts, and what each is in Polars."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

SCALARS = (
    "string", "bool", "int8", "int16", "int32", "int64", "float32", "float64", "date", "timestamp", "uuid", "json",
)  # fmt: skip
_DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)$")
_ARRAY = re.compile(r"array\((.+)\)$")


@dataclass(frozen=True, slots=True)
class ColumnType:
    """`decimal(12,2)` and its kin, parsed. `uuid` and `json` are exact text; `timestamp` is an instant, µs, UTC."""

    name: str
    precision: int = 0
    scale: int = 0
    item: ColumnType | None = None

    def __str__(self) -> str:
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return f"array({self.item})" if self.name == "array" else self.name

    @classmethod
    def parse(cls, text: str) -> ColumnType:
        """ValueError says what is wrong and what is known."""
        plain = re.sub(r"\s+", "", text)
        if plain in SCALARS:
            return cls(plain)
        if match := _DECIMAL.match(plain):
            precision, scale = int(match[1]), int(match[2])
            if not 1 <= precision <= 38 or scale > precision:
                raise ValueError(f"{text!r}: a decimal has 1 to 38 digits, and no more of them behind the point")
            return cls("decimal", precision, scale)
        if (match := _ARRAY.match(plain)) and not match[1].startswith("array"):
            return cls("array", item=cls.parse(match[1]))
        from difflib import get_close_matches

        known = [*SCALARS, "decimal(12,2)", "array(string)"]
        near = get_close_matches(plain, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown type {text!r}{hint} (known: {', '.join(known)})")

    @property
    def is_text(self) -> bool:
        return self.name in ("string", "uuid", "json")

    @property
    def is_number(self) -> bool:
        return self.name.startswith(("int", "float", "decimal"))

    def polars(self) -> pl.DataType:
        """The type of this column in silver and gold."""
        import polars as pl

        if self.name == "decimal":
            return pl.Decimal(self.precision, self.scale)
        if self.name == "array":
            assert self.item is not None
            return pl.List(self.item.polars())
        return {
            "string": pl.String(), "uuid": pl.String(), "json": pl.String(), "bool": pl.Boolean(),
            "int8": pl.Int8(), "int16": pl.Int16(), "int32": pl.Int32(), "int64": pl.Int64(),
            "float32": pl.Float32(), "float64": pl.Float64(), "date": pl.Date(),
            "timestamp": pl.Datetime("us", "UTC"),
        }[self.name]  # fmt: skip
