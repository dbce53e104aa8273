"""The connector protocol: how every kind of source says what is new, and hands over its rows.

A connector is one file named after its `kind`, with a function `connect(source, reach)`. It plans small JSON
`Split`s and reads each as a stream of frames; it never sees the lake, the settings or the orchestrator.

The frames a connector yields ("landing frames") have
- the contract's columns by their contract names. Kinds with types of their own (postgres, parquet) yield the
  contract's types exactly; text kinds (csv, json, http) yield `String`, and refining casts, so that a bad value
  is one rejected row and not a lost batch. A column's landing type never depends on the data;
- every other column the source has, as `String`, by its own name (schema drift is decided by the land step);
- `_origin` (uri, URL without query, or relation), `_line` (line in the file, record on the page; null where it has
  no meaning), and for what could not be read as a row: `_problem` (an error code, or `type:<column>`) with the raw
  text in `_raw`.
A chunk is at most a few hundred thousand rows: what a split costs in memory does not depend on the source's size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl

    from sluice.model.facts import Plan, Position, Split
    from sluice.model.interval import Interval
    from sluice.model.source import SourceContract

_NAME = re.compile(r"[^\s,;{}()\n\t=_\x00-\x1f][^,;{}()\n\t=\x00-\x1f]{0,127}")


def can_name_a_column(name: str) -> bool:
    """Whether a Delta table can hold a column of the source's own name."""
    return _NAME.fullmatch(name) is not None and name.strip() == name


@dataclass(frozen=True)
class Reach:
    """What a connector may ask of the outside: addresses, secrets, storage options, the clock."""

    address: Callable[[str], str]  # connection name -> DSN, base URL, folder; raises Misconfigured
    secret: Callable[[str], str]  # secret name -> value; raises Misconfigured
    storage: dict[str, str] = field(default_factory=dict)  # S3 options, in object_store's names (aws_access_key_id …)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Connector(Protocol):
    def plan(self, position: Position | None, want: tuple[Interval, ...], landed: Callable[[str, str], bool]) -> Plan:
        """What is new: past `position` (cursor), within `want` (interval), or not `landed(unit, version)` (files)."""
        ...

    def read(self, split: Split) -> Iterator[pl.DataFrame]:
        """The split's rows as landing frames. Called on any worker, any number of times, with the same result."""
        ...

    def probe(self, rows: int = 20) -> pl.DataFrame:
        """One live request, shown as a frame."""
        ...


def connect(source: SourceContract, reach: Reach) -> Connector:
    """The connector of the source's kind; its module is imported only now."""
    module = import_module(f"sluice.sources.{source.kind}")
    return module.connect(source, reach)  # type: ignore[no-any-return]
