"""The tills' drop folder: one CSV per small store and day, put in place whole."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import polars as pl

from catalog.world.generate import local

# Not text, not a known archive: what a broken upload over a phone line looks like.
RUBBISH = bytes(range(128, 256)) * 8 + b"\x00\x00\x00\n" + bytes(range(255, 127, -1)) * 8


class Drop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, day: date, store: int, rows: pl.DataFrame, suffix: str = "") -> Path:
        return self._put(self.path(day, store, suffix), day, rows.write_csv().encode())

    def write_rubbish(self, day: date, store: int, suffix: str) -> Path:
        return self._put(self.path(day, store, suffix), day, RUBBISH)

    def append_ragged(self, path: Path, day: date, lines: int) -> list[int]:
        """Lines with too few fields at the file's end; returns their numbers (the header is line 1)."""
        body = path.read_bytes()
        first = body.count(b"\n") + 1
        ragged = b"".join(f"T999-{day:%Y%m%d}-{n},29,battery low\n".encode() for n in range(lines))
        self._put(path, day, body + ragged)
        return list(range(first, first + lines))

    def path(self, day: date, store: int, suffix: str = "") -> Path:
        return self.folder / f"till_{store:03}_{day:%Y-%m-%d}{suffix}.csv"

    def rows(self) -> dict[str, int]:
        """Lines below the header of every file, by name."""
        return {path.name: path.read_bytes().count(b"\n") - 1 for path in sorted(self.folder.glob("till_*.csv"))}

    def _put(self, path: Path, day: date, body: bytes) -> Path:
        """Written beside and renamed, with the time of the evening upload: nobody meets a file still growing."""
        former = path.stat().st_mtime if path.exists() else None
        aside = path.with_suffix(".part")
        aside.write_bytes(body)
        when = local(day, 23).timestamp() if former is None else former + 60
        os.utime(aside, (when, when))
        return aside.replace(path)
