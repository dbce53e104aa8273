"""Has the interval about as many rows as its like had before?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from statistics import median

from sluice.model.facts import Check
from sluice.model.product import ProductContract

ENOUGH = 3  # fewer intervals than this say nothing about what is usual


def volume(contract: ProductContract, rows: int, history: Iterable[tuple[date, int]], *, day: date) -> Check | None:
    """`day` is the interval's first; `history` has (first day, rows) of published intervals, in any order.

    Only intervals before `day` are compared, so that a backfill is judged by what came before it.
    """
    bounds = contract.volume
    if bounds is None or (bounds.low is None and bounds.high is None):
        return None
    count, _, kind = bounds.against.partition(" ")
    same_weekday = kind == "same weekdays"
    before = sorted(
        (first, size) for first, size in history
        if first < day and (not same_weekday or first.weekday() == day.weekday())
    )[-int(count) :]  # fmt: skip
    usual = median([size for _, size in before]) if len(before) >= ENOUGH else None
    low = None if usual is None or bounds.low is None else usual * bounds.low
    high = None if usual is None or bounds.high is None else usual * bounds.high
    if usual is None:
        observed = f"{rows} rows; too little history to judge ({len(before)} of at least {ENOUGH} intervals)"
    else:
        share = f", {rows / usual:.0%} of it" if usual else ""
        observed = f"{rows} rows; the median of {len(before)} before is {usual:g}{share}"
    return Check(
        id="volume",
        expect=f"rows against {bounds.against}",
        severity=bounds.severity,
        success=(low is None or rows >= low) and (high is None or rows <= high),
        observed=observed,
        limit=_limit(bounds.low, bounds.high),
        kind="volume",
    )


def _limit(low: float | None, high: float | None) -> str:
    parts = [f"at least {low:.0%}" if low is not None else "", f"at most {high:.0%}" if high is not None else ""]
    return f"{' and '.join(part for part in parts if part)} of the median"
