"""What a source can bear, kept per source within the process: requests at once, and requests per time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sluice.errors import Transient
from sluice.sources.http.net import Deadline

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Turnstile:
    """Lets `concurrency` requests in at once, and no two closer together than the rate allows.

    The requests are spaced evenly: a bucket that lets a burst through breaks the limit of a server that counts in
    a sliding window.
    """

    def __init__(self, concurrency: int, rate: str | None) -> None:
        self._slots = threading.BoundedSemaphore(concurrency)
        self._gap = 0.0
        if rate:
            count, _, unit = rate.partition("/")
            self._gap = _SECONDS[unit] / float(count)
        self._lock = threading.Lock()
        self._next = 0.0

    @contextmanager
    def one(self, deadline: Deadline) -> Iterator[None]:
        """Holds a slot for one request."""
        if not self._slots.acquire(timeout=deadline.clip(None)):
            raise _no_turn(deadline)
        try:
            self._wait(deadline)
            yield
        finally:
            self._slots.release()

    def _wait(self, deadline: Deadline) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            if turn - now > deadline.left():
                raise _no_turn(deadline)
            self._next = turn + self._gap
        if turn > now:
            time.sleep(turn - now)


_turnstiles: dict[tuple[str, int, str | None], Turnstile] = {}
_lock = threading.Lock()


def turnstile(source: str, concurrency: int, rate: str | None) -> Turnstile:
    """The one turnstile of a source; changed limits make a new one."""
    with _lock:
        return _turnstiles.setdefault((source, concurrency, rate), Turnstile(concurrency, rate))


def _no_turn(deadline: Deadline) -> Transient:
    what = f"no turn within the deadline of {deadline.seconds:g}s: `limits` let too few requests through"
    return Transient("source.throttled", what, "", "raise `limits` or `deadline`, or cut the split smaller")
