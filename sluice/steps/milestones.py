"""What people watch for while a run works: said through logging, so that the CLI and the orchestrator both show it."""

from __future__ import annotations

import logging

log = logging.getLogger("sluice.progress")


def say(message: str, *values: object) -> None:
    log.info(message, *values, extra={"milestone": True})


def count(number: int, thing: str) -> str:
    """`1 split`, `1 207 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}".replace(",", " ")
