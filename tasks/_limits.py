"""Global concurrency limits: what protects a source from all flows and processes together.

A slot is taken per plan and per split, never finer: it costs about 0.1 CPU seconds on both sides together.

Prefect's own `concurrency()` is not used: its SQLite answers 503 to whoever writes while another writes, and that
client then sleeps two seconds and more, several times a run: an ingestion of four sources with nothing new took ten
seconds instead of one. Here the same requests are made one at a time within a process, and again after a moment.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client

from sluice.errors import Transient
from sluice.steps.milestones import say
from tasks._workspace import workspace

log = logging.getLogger("sluice.limits")

_ATTEMPTS = 100
_LEASE = 60.0  # seconds, renewed at half of it: so long a killed process keeps its slots

_asking = Lock()
_held: set[UUID] = set()


def ensure_limits(sources: list[str]) -> None:
    """Makes or mends the sources' limits: a missing one would be silently unlimited."""
    catalog = workspace().catalog
    with get_client(sync_client=True) as client:
        for source in sources:
            limit = catalog.source(source).limits.concurrency
            client.upsert_global_concurrency_limit_by_name(limit_name(source), limit)


@contextmanager
def slot(source: str) -> Iterator[None]:
    """Holds one of the source's slots; waits while all are taken, without keeping other sources waiting."""
    lease, since = _take(source), time.monotonic()
    while lease is None:
        if since and time.monotonic() - since > 2:
            say("%s: waiting, other runs use all of its slots", source)
            since = 0.0
        time.sleep(random.uniform(0.5, 1.5))
        lease = _take(source)
    _held.add(lease)
    done = Event()
    Thread(target=_renew, args=(lease, done), name=f"lease-{source}", daemon=True).start()
    try:
        yield
    finally:
        done.set()
        _give_back(lease)


def give_back_all() -> None:
    """For a process that is told to stop: what it holds would stay taken until the lease ends."""
    for lease in tuple(_held):
        _give_back(lease)


def limit_name(source: str) -> str:
    return f"source-{source.replace('_', '-')}"


def _take(source: str) -> UUID | None:
    name = limit_name(source)
    answer = _ask(lambda client: client.increment_concurrency_slots_with_lease([name], 1, "concurrency", _LEASE))
    return None if answer is None else UUID(answer.json()["lease_id"])


def _renew(lease: UUID, done: Event) -> None:
    while not done.wait(_LEASE / 2):
        try:
            _ask(lambda client: client.renew_concurrency_lease(lease, _LEASE))
        except Transient as error:  # the split is read on; at worst the source meets one reader too many
            log.warning("%s", error)


def _give_back(lease: UUID) -> None:
    if lease in _held:
        _held.discard(lease)
        _ask(lambda client: client.release_concurrency_slots_with_lease(lease))


def _ask(request: Callable[[SyncPrefectClient], Any]) -> Any | None:
    """The server's answer; None when every slot is taken."""
    for _ in range(_ATTEMPTS):
        with _asking, get_client(sync_client=True, httpx_settings={"event_hooks": {"response": [_look]}}) as client:
            try:
                return request(client)
            except _TakenError:
                return None
            except _BusyError:
                pass
        time.sleep(random.uniform(0.02, 0.2))
    raise Transient(
        "server.unreachable", "the Prefect server has been too busy to give slots for ten seconds",
        remedy="Look at its log: see `sluice server status`. A server for many runs at once wants PostgreSQL.",
    )  # fmt: skip


def _look(response: Any) -> None:
    """Before Prefect's client sees the answer: even told not to retry, it sleeps for two seconds and more."""
    if response.status_code == 423:
        raise _TakenError
    if response.status_code == 503:
        raise _BusyError


class _TakenError(Exception):
    """Every slot is taken."""


class _BusyError(Exception):
    """The server's database is locked by another writer."""
