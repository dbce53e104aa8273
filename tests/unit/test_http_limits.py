"""What a source can bear, over all threads of the process."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sluice.errors import Transient
from sluice.sources.http.limits import Turnstile, turnstile
from sluice.sources.http.net import Deadline


def test_a_turnstile_spaces_requests_of_all_threads() -> None:
    """Limits are the source's, not each reader's."""
    stile, times = Turnstile(4, "50/s"), list[float]()

    def ask(_: int) -> None:
        with stile.one(Deadline(10)):
            times.append(time.monotonic())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(10)))
    assert max(times) - min(times) >= 9 * 0.02 - 0.001


def test_a_turnstile_does_not_hold_anybody_past_the_deadline() -> None:
    """At one request an hour, the second caller learns so at once."""
    stile = Turnstile(1, "1/h")
    with stile.one(Deadline(1)):
        pass
    begun = time.monotonic()
    with pytest.raises(Transient, match="no turn"), stile.one(Deadline(1)):
        pass
    assert time.monotonic() - begun < 0.5


def test_a_slot_is_given_back_after_an_error() -> None:
    """A leaked slot stops a source for good."""
    stile = Turnstile(1, None)
    for _ in range(3):
        with pytest.raises(ValueError), stile.one(Deadline(0.5)):
            raise ValueError


def test_one_source_has_one_turnstile() -> None:
    """Two connectors of one source share what it can bear."""
    assert turnstile("a", 2, "1/s") is turnstile("a", 2, "1/s")
    assert turnstile("a", 2, "1/s") is not turnstile("b", 2, "1/s")
