"""Words for times and numbers of things, as sentences need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo


def age(at: str | datetime, now: datetime) -> str:
    """`40 s`, `3 min`, `5 h`, `2 days`."""
    then = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    seconds = max(0, int((now - then).total_seconds()))
    for size, word in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' if word == 'day' and count > 1 else ''}"
    return f"{seconds} s"


def clock(at: str | datetime, zone: str) -> str:
    """`3 May 06:40`, as clocks show it in the product's own zone."""
    then = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return f"{then.astimezone(ZoneInfo(zone)):%-d %b %H:%M}"


def count(number: int, thing: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def listed(words: Sequence[str], most: int = 5) -> str:
    """`a, b and c`; a long list ends in a number."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
