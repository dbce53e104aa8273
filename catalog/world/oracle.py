"""The right numbers, worked out a second time: plain Python and Decimal over the truth, no transform, no Polars maths.

Where oracle and product disagree, one of them is wrong; that they share no code is the point.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from catalog.world.generate import ZONE, Day

CENT = Decimal("0.01")
Row = dict[str, Any]


def daily_sales(days: Iterable[Day], regions: Mapping[int, str], on: date) -> list[Row]:
    """One row per region. `days` are all days whose rows may fall on `on`."""
    count: dict[str, int] = defaultdict(int)
    gross: dict[str, Decimal] = defaultdict(Decimal)
    refunds: dict[str, Decimal] = defaultdict(Decimal)
    for region, sold_on, order_total, refund_total in _sales(days, regions):
        if sold_on == on:
            count[region] += order_total > 0
            gross[region] += order_total
            refunds[region] += refund_total
    return [
        {
            "sale_on": on,
            "region": region,
            "order_count": count[region],
            "refund_total": refunds[region],
            "revenue": gross[region] - refunds[region],
            "average_order": _round(gross[region] / count[region]) if count[region] else None,
        }
        for region in sorted(count)
    ]


def daily_revenue(sales: Mapping[date, list[Row]], on: date) -> list[Row]:
    if not sales.get(on):
        return []
    today = sum((row["revenue"] for row in sales[on]), Decimal())
    before = sales.get(on - timedelta(days=1))
    previous = sum((row["revenue"] for row in before), Decimal()) if before else None
    return [
        {
            "sale_on": on,
            "order_count": sum(row["order_count"] for row in sales[on]),
            "revenue": today,
            "previous_revenue": previous,
            "growth_pct": _round((today - previous) * 100 / previous) if previous else None,
        }
    ]


def region_inventory_risk(sales: Mapping[date, list[Row]], days: Iterable[Day], on: date) -> list[Row]:
    pieces: dict[str, int] = defaultdict(int)
    empty: dict[str, int] = defaultdict(int)
    value: dict[str, Decimal] = defaultdict(Decimal)
    for day in days:
        for row in day.inventory.iter_rows(named=True):
            if row["counted_at"].astimezone(ZONE).date() == on:
                pieces[row["region"]] += row["on_hand"]
                empty[row["region"]] += row["on_hand"] == 0
                value[row["region"]] += row["stock_value"]
    window = [on - timedelta(days=back) for back in range(7)]
    found = []
    for region in sorted(pieces):
        revenues = [row["revenue"] for day in window for row in sales.get(day, []) if row["region"] == region]
        mean = _round(sum(revenues, Decimal()) / len(revenues)) if revenues else None
        cover = _round(value[region] / mean) if mean and mean > 0 else None
        risk = "no_sales" if cover is None else "high" if cover < 7 else "watch" if cover < 14 else "ok"
        found.append(
            {
                "counted_on": on,
                "region": region,
                "on_hand": pieces[region],
                "empty_skus": empty[region],
                "stock_value": value[region],
                "daily_revenue": mean,
                "days_of_cover": cover,
                "risk": risk,
            }
        )
    return found


def _sales(days: Iterable[Day], regions: Mapping[int, str]) -> Iterable[tuple[str, date, Decimal, Decimal]]:
    for day in days:
        for frame, at in ((day.store_orders, "ordered_at"), (day.till_files, "sold_at")):
            receipts = frame.select("store_id", at, "order_total", "refund_total")
            for store, instant, total, refund in receipts.iter_rows():
                yield regions.get(store, "unknown"), instant.astimezone(ZONE).date(), total, refund
        online = day.online_orders.select("region", "ordered_at", "order_total", "refund_total")
        for region, instant, total, refund in online.iter_rows():
            yield region, instant.astimezone(ZONE).date(), total, refund


def _round(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_EVEN)
