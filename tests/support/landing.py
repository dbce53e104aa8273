"""Landed files for tests: a contract over a folder, and everything that a connector reads from it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from sluice.model.source import FilesSource, parse_source
from sluice.sources.base import Reach
from sluice.sources.files.connector import Files, connect


def unconfigured(name: str) -> str:
    raise AssertionError(f"nobody should ask for {name}")


def contract(uri: str, **overrides: Any) -> FilesSource:
    document: dict[str, Any] = {
        "source": "tills",
        "description": "What the tills drop into the landing folder.",
        "owner": "data-platform",
        "kind": "files",
        "uri": uri,
        "format": "csv",
        "position": {"mode": "files"},
        "stable_for": "0s",
        "columns": {"id": {"type": "int64", "nullable": False}, "name": {"type": "string"}},
    }
    return parse_source(document | overrides)  # type: ignore[return-value]


def reading(uri: str | Path, *, storage: dict[str, str] | None = None, **overrides: Any) -> Files:
    return connect(
        contract(str(uri), **overrides),
        Reach(unconfigured, unconfigured, storage or {}, lambda: datetime.now(UTC)),
    )


def rows(files: Files) -> pl.DataFrame:
    """All that is there, through plan and read, as one frame."""
    frames = [
        frame for split in files.plan(None, (), lambda unit, version: False).splits for frame in files.read(split)
    ]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def text_columns(*names: str) -> dict[str, dict[str, str]]:
    return {name: {"type": "string"} for name in names}
