"""An interval: the half-open stretch of time that one version of a product answers for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["hour", "day", "week", "month"]

_LABELS = {
    "hour": re.compile(r"\d{4}-\d\d-\d\dT\d\d(?:[+-]\d{4})?$"),
    "day": re.compile(r"\d{4}-\d\d-\d\d$"),
    "week": re.compile(r"\d{4}-\d\d-\d\d$"),
    "month": re.compile(r"\d{4}-\d\d$"),
}


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """[start, end) in UTC. Its label is the local name people use: `2026-05-02`, `2026-05-02T13+0500`, `2026-05`."""

    start: datetime
    end: datetime
    label: str

    def __str__(self) -> str:
        return self.label

    @property
    def first_day(self) -> date:
        """The local calendar day the interval begins on (labels are local)."""
        return date.fromisoformat(self.label[:10] if len(self.label) >= 10 else f"{self.label[:7]}-01")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Cuts time into intervals of one unit in one time zone."""

    unit: Unit
    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def holding(self, instant: datetime) -> Interval:
        """The interval that `instant` falls in."""
        if self.unit == "hour":  # hours are cut in UTC offsets, so that a clock change neither repeats nor skips one
            offset = instant.astimezone(self.zone).utcoffset() or timedelta(0)
            shifted = instant.astimezone(UTC) + offset
            start = shifted.replace(minute=0, second=0, microsecond=0) - offset
            local = start.astimezone(self.zone)
            return Interval(start, start + timedelta(hours=1), local.strftime("%Y-%m-%dT%H%z"))
        day = instant.astimezone(self.zone).date()
        if self.unit == "week":
            day -= timedelta(days=day.weekday())
        elif self.unit == "month":
            day = day.replace(day=1)
        return self._from_day(day)

    def parse(self, label: str) -> Interval:
        """The interval with that label; ValueError names the form that is expected."""
        text = label.strip()
        if not _LABELS[self.unit].match(text):
            example = {"hour": "2026-05-02T13", "day": "2026-05-02", "week": "2026-04-27", "month": "2026-05"}
            raise ValueError(f"{label!r} is not a {self.unit} (expected a form like {example[self.unit]})")
        if self.unit == "hour":
            instant = datetime.strptime(text, "%Y-%m-%dT%H%z" if len(text) > 13 else "%Y-%m-%dT%H")
            return self.holding(instant if instant.tzinfo else instant.replace(tzinfo=self.zone))
        day = date.fromisoformat(text if len(text) == 10 else f"{text}-01")
        if self.unit == "week" and day.weekday():
            raise ValueError(f"{label!r} is not a Monday: a week is named by its first day")
        return self._from_day(day)

    def parse_range(self, text: str) -> list[Interval]:
        """`2026-05-02`, or `2026-05-01..2026-05-31` with both ends included."""
        first, dots, last = text.partition("..")
        start = self.parse(first)
        end = self.parse(last) if dots else start
        if end < start:
            raise ValueError(f"{text!r} ends before it begins")
        return list(self.between(start.start, end.end))

    def between(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """Every interval that begins in [start, end), in order."""
        interval = self.holding(start)
        while interval.start < end:
            if interval.start >= start:
                yield interval
            interval = self.after(interval)

    def after(self, interval: Interval) -> Interval:
        return self.holding(interval.end)

    def before(self, interval: Interval) -> Interval:
        return self.holding(interval.start - timedelta(microseconds=1))

    def _from_day(self, day: date) -> Interval:
        if self.unit == "month":
            following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        else:
            following = day + timedelta(days=7 if self.unit == "week" else 1)
        return Interval(
            self._midnight(day),
            self._midnight(following),
            day.strftime("%Y-%m" if self.unit == "month" else "%Y-%m-%d"),
        )

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)
