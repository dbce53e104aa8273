"""Which intervals a run is about: of the product asked for, of the products it reads, of the sources they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from sluice.errors import Misconfigured
from sluice.model.interval import Interval
from sluice.model.product import ProductContract
from sluice.steps.workspace import Workspace


@dataclass(frozen=True)
class Demand:
    """Products in the order they have to be built, and sources, each with the intervals wanted of it."""

    products: dict[str, list[Interval]] = field(default_factory=dict)
    sources: dict[str, list[Interval]] = field(default_factory=dict)


def demand(ws: Workspace, product: str, intervals: Sequence[Interval]) -> Demand:
    """The whole of what `intervals` of `product` need; a lookback asks earlier intervals of an upstream product."""
    wanted: dict[str, set[Interval]] = {product: set(intervals)}
    sources: dict[str, set[Interval]] = {}
    order = [p for p in ws.catalog.order() if p == product or p in ws.catalog.products_of(product)]
    for name in reversed(order):
        contract = ws.catalog.product(name)
        for each in contract.inputs.values():
            back = each.lookback or timedelta(0)
            spans = [Interval(i.start - back, i.end, i.label) for i in wanted.get(name, ())]
            if each.source:
                sources.setdefault(each.source, set()).update(spans)
                continue
            upstream = ws.catalog.product(each.product or "").calendar
            began = start_of(ws.catalog.product(each.product or ""))  # a lookback asks for nothing before that
            covering = {i for s in spans for i in upstream.between(upstream.holding(max(s.start, began)).start, s.end)}
            wanted.setdefault(each.product or "", set()).update(covering)
    return Demand(
        products={name: sorted(wanted.get(name, ())) for name in order},
        sources={name: sorted(spans) for name, spans in sorted(sources.items())},
    )


def parse(ws: Workspace, product: str, text: str | None) -> list[Interval]:
    """The intervals that people ask for: one label, a range with two dots, or nothing for the newest that is due."""
    contract = ws.catalog.product(product)
    if text is None:
        newest = newest_due(contract, ws.now())
        if newest is None:
            raise Misconfigured(
                "catalog.invalid", f"no interval of {product} is due yet", product,
                f"It starts with {contract.schedule.start}; name an interval with --for.",
            )  # fmt: skip
        return [newest]
    try:
        intervals = contract.calendar.parse_range(text)
    except ValueError as error:
        raise Misconfigured("settings.invalid", str(error), "--for", "Name one interval, or first..last.") from error
    now = ws.now()
    if intervals and intervals[-1].end > now:
        raise Misconfigured(
            "settings.invalid",
            f"{intervals[-1]} of {product} is not over yet: it ends {intervals[-1].end:%Y-%m-%d %H:%M} UTC", "--for",
            "A complete interval can be built only after its end.",
        )  # fmt: skip
    return intervals


def expected(contract: ProductContract, now: datetime, newest: int | None = None) -> list[Interval]:
    """The intervals that should exist by now: begun since the start, over, and past their cron tick."""
    calendar = contract.calendar
    start = start_of(contract)
    if newest is not None:
        interval = calendar.holding(now)
        found: list[Interval] = []
        while interval.start >= start and len(found) < newest:
            if is_due(contract, interval, now):
                found.append(interval)
            interval = calendar.before(interval)
        return sorted(found)
    return [i for i in calendar.between(start, now) if is_due(contract, i, now)]


def start_of(contract: ProductContract) -> datetime:
    """Midnight of the first day that the product speaks of."""
    return datetime.combine(contract.schedule.start, datetime.min.time(), contract.calendar.zone).astimezone(UTC)


def is_due(contract: ProductContract, interval: Interval, now: datetime) -> bool:
    return interval.end <= now and due_at(contract, interval) <= now


def due_at(contract: ProductContract, interval: Interval) -> datetime:
    """The first tick of the schedule at or after the interval's end."""
    just_before = (interval.end - timedelta(seconds=1)).astimezone(contract.calendar.zone)
    tick: datetime = next(CronSim(contract.schedule.cron, just_before))
    return tick.astimezone(UTC)


def newest_due(contract: ProductContract, now: datetime) -> Interval | None:
    return next(iter(expected(contract, now, newest=1)), None)
