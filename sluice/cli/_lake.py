"""What commands that read the lake share: the workspace, and an interval by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.model.interval import Interval
    from sluice.steps.workspace import Workspace


def workspace() -> Workspace:
    """From the settings of this process."""
    from sluice.settings import load
    from sluice.steps.workspace import Workspace

    return Workspace.of(load())


def one_interval(ws: Workspace, product: str, text: str | None) -> Interval:
    """The interval that is named, or the newest that is due."""
    from sluice.errors import Misconfigured
    from sluice.steps.demand import parse

    intervals = parse(ws, product, text)
    if len(intervals) != 1:
        raise Misconfigured("settings.invalid", f"{text!r} is {len(intervals)} intervals", "--for", "Name one of them.")
    return intervals[0]


def minute(at: str | None) -> str:
    """`2026-05-03 06:40Z`."""
    from datetime import UTC, datetime

    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%MZ}" if at else ""


def cut(text: str, most: int = 110) -> str:
    """A note short enough for the last column of a table; `--json` has all of it."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
