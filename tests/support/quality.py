"""Contracts for the quality tests, as short as they can be."""

from __future__ import annotations

from typing import Any

from sluice.model.product import ProductContract
from sluice.model.source import SourceContract, parse_source


def source(columns: dict[str, Any], rules: list[dict[str, Any]] | None = None, **more: Any) -> SourceContract:
    return parse_source(
        {
            "source": "orders",
            "description": "Orders for the tests of rules.",
            "owner": "tests",
            "kind": "http",
            "base_url": "https://example.org",
            "position": {"mode": "full"},
            "columns": columns,
            "rules": rules or [],
            **more,
        }
    )


def product(columns: dict[str, Any], gate: list[dict[str, Any]], **more: Any) -> ProductContract:
    on = {"sold_on": {"type": "date", "nullable": False}}
    return ProductContract.model_validate(
        {
            "product": "sales",
            "title": "Sales",
            "description": "Sales for the tests of the gate.",
            "owners": {"platform": "tests", "business": "tests"},
            "tags": ["test"],
            "schedule": {"cron": "0 6 * * *", "timezone": "Asia/Tashkent", "start": "2026-05-01"},
            "inputs": {"orders": {"source": "orders"}, "returns": {"source": "returns", "required": False}},
            "output": {"key": ["sold_on"], "interval": "sold_on", "columns": {**on, **columns}},
            "gate": gate,
            "freshness": {"by": "07:30"},
            "alerts": {"route": "nobody"},
            **more,
        }
    )


ROWS = {"id": "G1", "expect": "expect_table_row_count_to_be_between", "with": {"min_value": 1}}
