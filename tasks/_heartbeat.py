"""Runs that nothing but their own terminal watches need no heartbeat.

Prefect sends it from a thread that sleeps in whole seconds, and every flow waits for that thread at its end: half a
second of each run, which with nothing new to do takes two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings


@contextmanager
def no_heartbeat() -> Iterator[None]:
    """For flows that are called inside."""
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
