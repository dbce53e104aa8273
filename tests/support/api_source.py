"""Contracts over the local API, and what a connector reads from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from sluice.model.facts import Position
from sluice.model.interval import Interval
from sluice.model.source import HttpSource, parse_source
from sluice.sources.base import Reach
from sluice.sources.http.connector import HttpConnector, connect

SECRET = "canary/5+5=10"
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
PAGES = {"path": "page", "paging": {"type": "page", "size": 10, "total": "meta.total"}}


def contract(url: str, **overrides: Any) -> HttpSource:
    document: dict[str, Any] = {
        "source": f"orders_{''.join(filter(str.isdigit, url))}",  # limits are kept per source: each test its own
        "description": "Orders of a shop, from its API.",
        "owner": "web-shop",
        "kind": "http",
        "base_url": url,
        "path": "single",
        "position": {"mode": "full"},
        "records": "data.items",
        "private_hosts": True,
        "limits": {"concurrency": 8},
        "retry": {"attempts": 3, "first": "10ms"},
        "columns": {"id": {"type": "int64", "nullable": False}, "updated_at": {"type": "timestamp"}},
    }
    return parse_source(document | overrides)  # type: ignore[return-value]


def reading(url: str, **overrides: Any) -> HttpConnector:
    reach = Reach(address=lambda name: url, secret=lambda name: SECRET, now=lambda: NOW)
    return connect(contract(url, **overrides), reach)


def landed(
    connector: HttpConnector,
    position: Position | None = None,
    want: tuple[Interval, ...] = (),
    never: Callable[[str, str], bool] = lambda unit, version: False,
) -> pl.DataFrame:
    """All that the connector plans and reads, as one frame."""
    frames = [frame for split in connector.plan(position, want, never).splits for frame in connector.read(split)]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def ids(frame: pl.DataFrame) -> list[int]:
    return frame["id"].cast(pl.Int64).to_list() if frame.height else []
