"""What people watch for while a run works: said through logging, so that the CLI and the orchestrator both show it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

log = logging.getLogger("sluice.progress")


def say(message: str, *values: object) -> None:
    log.info(message, *values, extra={"milestone": True})


def span(labels: Sequence[str]) -> str:
    """One day or interval by its name, several by the first and the last."""
    return labels[0] if len(labels) == 1 else f"{labels[0]}..{labels[-1]}"


def count(number: int, thing: str) -> str:
    """`1 split`, `1 207 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}".replace(",", " ")
