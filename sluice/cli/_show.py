"""How commands speak: tables, JSON, and the progress of long work."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

COLOURS = {
    "published": "green", "yes": "green", "unchanged": "green", "passed": "green",
    "degraded": "yellow", "stale": "yellow", "caveats": "yellow",
    "refused": "red", "failed": "red", "missing": "red", "no": "red",
}  # fmt: skip


def as_json(facts: Any) -> None:
    click.echo(json.dumps(facts, indent=2, default=str, ensure_ascii=False))


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """Columns wide enough for their cells; the last one may run on."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *texts]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "  ".join(padded).rstrip()

    click.secho(line(head), bold=True)
    for row in texts:
        text = line(row)
        for cell in row:
            if cell in COLOURS:
                text = text.replace(cell, click.style(cell, fg=COLOURS[cell]), 1)
        click.echo(text)


def number(value: Any) -> str:
    """1234567.5 -> 1 234 567.5, exactly as many digits as there are."""
    if value is None:
        return ""
    whole, point, rest = str(value).partition(".")
    sign, digits = (whole[0], whole[1:]) if whole[:1] in "+-" else ("", whole)
    if not digits.isdigit():
        return str(value)
    return f"{sign}{int(digits):,}".replace(",", " ") + point + rest


@contextmanager
def progress(quiet: bool = False) -> Iterator[None]:
    """Shows what the core says of its work, on stderr: one moving line on a terminal, plain lines elsewhere."""
    if quiet:
        yield
        return
    handler = _Progress()
    logger = logging.getLogger("sluice")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


class _Progress(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.started = time.monotonic()
        self.moving = sys.stderr.isatty()

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "milestone", False) and record.levelno < logging.WARNING:
            return
        line = f"  {time.monotonic() - self.started:6.1f}s  {record.getMessage().splitlines()[0]}"
        if self.moving:
            width = shutil.get_terminal_size().columns
            click.echo(f"\r\x1b[2K{line[: width - 1]}", nl=False, err=True)
        else:
            click.echo(line, err=True)

    def close(self) -> None:
        if self.moving:
            click.echo("\r\x1b[2K", nl=False, err=True)
        super().close()
