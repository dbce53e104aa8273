"""Global concurrency limits: what protects a source from all flows and processes together.

A slot is asked of the server once and then kept while this process has a use for it: one task after the other reads
with it, and half a second after the last one it is given back. Asked for and given back by every split, slots were most
of what a split cost: 65 ms of CPU of the client, where Prefect's own task run is four.

Prefect's own `concurrency()` is not used: its SQLite answers 503 to whoever writes while another writes, and that
client then sleeps two seconds and more, several times a run: an ingestion of four sources with nothing new took ten
seconds instead of one. Here the same requests are made one at a time within a process, and again after a moment.
"""

from __future__ import annotations

import atexit
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from threading import Condition, Lock, Thread
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL

from sluice.errors import Transient
from sluice.steps.milestones import say
from tasks._workspace import workspace

log = logging.getLogger("sluice.limits")

_ATTEMPTS = 100
_LEASE = 60.0  # seconds, renewed at half of it: so long a killed process keeps its slots
_IDLE = 0.5  # seconds that a slot is kept for the next task
_TURN = 20.0  # seconds after which a slot goes back though there is more to read: another process may be waiting
_PAUSE = 0.6  # seconds that this process then leaves it to the others, who ask at least once in every such time


@dataclass(eq=False)
class Lease:
    """One slot of a source, ours for a while."""

    id: UUID
    source: str
    server: SyncPrefectClient  # a thread of ours knows nothing of the settings that the run's threads have
    taken: float
    renewed: float
    idle: float = 0.0  # since when


_change = Condition()  # guards all of these; says when a slot is free again
_used: set[Lease] = set()
_free: list[Lease] = []
_asking: set[str] = set()  # sources that some thread asks the server for: the others wait for what it gets
_pausing: dict[str, float] = {}  # until when nobody here asks the server for a slot of the source
_keeper: Thread | None = None

_one_at_a_time = Lock()


def ensure_limits(sources: list[str]) -> None:
    """Makes or mends the sources' limits: a missing one would be silently unlimited."""
    catalog = workspace().catalog
    for source in sources:
        _ask(_server(), partial(_upsert, source, catalog.source(source).limits.concurrency))


@contextmanager
def slot(source: str) -> Iterator[None]:
    """Holds one of the source's slots; waits while all are taken, without keeping other sources waiting."""
    lease = _take(source)
    try:
        yield
    finally:
        _put(lease)


def give_back_free() -> None:
    """For whoever knows that nothing more will be read."""
    with _change:
        leases = tuple(_free)
        _free.clear()
    for lease in leases:
        _give_back(lease)


def give_back_all() -> None:
    """For a process that is told to stop: what it holds would stay taken until the lease ends."""
    with _change:
        leases = (*_free, *_used)
        _free.clear()
        _used.clear()
    for lease in leases:
        _give_back(lease)


def limit_name(source: str) -> str:
    return f"source-{source.replace('_', '-')}"


def _upsert(source: str, limit: int, client: SyncPrefectClient) -> None:
    client.upsert_global_concurrency_limit_by_name(limit_name(source), limit)


def _take(source: str) -> Lease:
    """One that this process holds and does not use; or a new one, when it is this thread's turn to ask."""
    limit = workspace().catalog.source(source).limits.concurrency
    since = time.monotonic()
    while True:
        with _change:
            lease = next((each for each in _free if each.source == source), None)
            if lease is not None:
                _free.remove(lease)
                _used.add(lease)
                return lease
            held = sum(each.source == source for each in _used)
            may_ask = held < limit and source not in _asking and time.monotonic() >= _pausing.get(source, 0)
            if may_ask:
                _asking.add(source)
        lease = _ask_for(source) if may_ask else None
        if lease is not None:
            return lease
        if since and not held and time.monotonic() - since > 2:
            say("%s: waiting, other runs use all of its slots", source)
            since = 0.0
        with _change:
            _change.wait(_PAUSE / 2)


def _ask_for(source: str) -> Lease | None:
    try:
        server = _server()
        answer = _ask(server, lambda client: client.increment_concurrency_slots_with_lease(
            [limit_name(source)], 1, "concurrency", _LEASE
        ))  # fmt: skip
        now = time.monotonic()
        if answer is None:
            with _change:
                _pausing[source] = now + _PAUSE * random.uniform(0.5, 1.0)
            return None
        lease = Lease(UUID(answer.json()["lease_id"]), source, server, now, now)
        with _change:
            _used.add(lease)
            _keep()
            _change.notify_all()
        return lease
    finally:
        with _change:
            _asking.discard(source)


def _put(lease: Lease) -> None:
    """For the next task; or back, where others have waited long enough."""
    now = time.monotonic()
    with _change:
        if lease not in _used:  # given back already
            return
        _used.discard(lease)
        is_over = now - lease.taken > _TURN
        if is_over:
            _pausing[lease.source] = now + _PAUSE
        else:
            lease.idle = now
            _free.append(lease)
        _change.notify_all()
    if is_over:
        _give_back(lease)


def _keep() -> None:
    """One thread for all slots, as long as there are any. Called with `_change` held."""
    global _keeper
    if _keeper is None:
        _keeper = Thread(target=_renew_and_give_back, name="slots", daemon=True)
        _keeper.start()


def _renew_and_give_back() -> None:
    global _keeper
    while True:
        time.sleep(_IDLE / 2)
        now = time.monotonic()
        with _change:
            if not _used and not _free:
                _keeper = None
                return
            idle = [lease for lease in _free if now - lease.idle > _IDLE]
            for lease in idle:
                _free.remove(lease)
            due = [lease for lease in (*_used, *_free) if now - lease.renewed > _LEASE / 2]
        for lease in idle:
            _give_back(lease)
        for lease in due:
            lease.renewed = now
            _renew(lease)


def _renew(lease: Lease) -> None:
    try:
        _ask(lease.server, lambda client: client.renew_concurrency_lease(lease.id, _LEASE))
    except Exception as error:  # noqa: BLE001 - what is read is read on; at worst the source meets one reader too many
        log.warning("a slot of %s was not renewed: %s", lease.source, error)


def _give_back(lease: Lease) -> None:
    try:
        _ask(lease.server, lambda client: client.release_concurrency_slots_with_lease(lease.id))
    except Exception as error:  # noqa: BLE001 - it ends by itself
        log.warning("a slot of %s was not given back: %s", lease.source, error)


def _ask(server: SyncPrefectClient, request: Callable[[SyncPrefectClient], Any]) -> Any | None:
    """The server's answer; None when every slot is taken."""
    for _ in range(_ATTEMPTS):
        with _one_at_a_time:
            try:
                return request(server)
            except _TakenError:
                return None
            except _BusyError:
                pass
        time.sleep(random.uniform(0.02, 0.2))
    raise Transient(
        "server.unreachable", "the Prefect server has been too busy to give slots for ten seconds",
        remedy="Look at its log: see `sluice server status`. A server for many runs at once wants PostgreSQL.",
    )  # fmt: skip


def _server() -> SyncPrefectClient:
    return _client(PREFECT_API_URL.value())


@lru_cache(maxsize=2)
def _client(url: str | None) -> SyncPrefectClient:
    """One for the process: made anew for every request, each time with the certificates of the whole world, clients
    cost 25 ms each."""
    client = get_client(sync_client=True, httpx_settings={"event_hooks": {"response": [_look]}})
    return client.__enter__()


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


atexit.register(give_back_all)
