"""Random numbers that are the same on every machine and version: a counter, a seed and a mixing function (SplitMix64).

A library's own generator may change its stream with any release, and the golden files with it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import polars as pl

_GAMMA = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _u64(value: int) -> pl.Expr:
    return pl.lit(value & _MASK, dtype=pl.UInt64)


@dataclass(frozen=True)
class Chance:
    """Draws for the rows of one table: `name` tells the draws of one row apart, `row` the rows."""

    seed: int
    table: str

    def bits(self, name: str) -> pl.Expr:
        start = zlib.crc32(f"{self.table}/{name}".encode()) * _GAMMA + self.seed * 0xD1342543DE82EF95
        z = (pl.col("row").cast(pl.UInt64) + _u64(1)) * _u64(_GAMMA) + _u64(start)
        z = (z ^ (z // _u64(1 << 30))) * _u64(0xBF58476D1CE4E5B9)
        z = (z ^ (z // _u64(1 << 27))) * _u64(0x94D049BB133111EB)
        return z ^ (z // _u64(1 << 31))

    def below(self, name: str, limit: int) -> pl.Expr:
        """A whole number in [0, limit)."""
        return (self.bits(name) % _u64(limit)).cast(pl.Int64)

    def share(self, name: str) -> pl.Expr:
        """A float in [0, 1)."""
        return (self.bits(name) // _u64(1 << 11)).cast(pl.Float64) / float(1 << 53)

    def chance(self, name: str, per_mille: int) -> pl.Expr:
        return self.below(name, 1000) < per_mille

    def pick(self, name: str, options: list[str]) -> pl.Expr:
        return self.below(name, len(options)).replace_strict(dict(enumerate(options)), return_dtype=pl.String)
