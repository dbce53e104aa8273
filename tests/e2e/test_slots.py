"""A source's slots within one process: kept while there is a use for them, given back when there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.prefect import Server
from tests.support.site import Site, exported

NAME = "source-store-orders"


@pytest.fixture
def limits(site: Site, prefect_server: Server) -> Iterator[Any]:
    with exported(site.environment):
        from tasks import _limits

        _limits.ensure_limits(["store_orders"])
        yield _limits
        _limits.give_back_all()


def until_free(server: Server) -> bool:
    deadline = time.monotonic() + 30
    while server.limit(NAME).active_slots and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(server.limit(NAME).active_slots == 0)


def test_the_next_split_reads_with_the_slot_of_the_one_before(limits: Any, prefect_server: Server) -> None:
    """Asked of the server for every split, slots cost ten times what Prefect's own task run does."""
    seen = []
    for _ in range(3):
        with limits.slot("store_orders"):
            seen.append({lease.id for lease in limits._used})
    assert len(seen[0]) == 1
    assert seen[0] == seen[1] == seen[2]


def test_a_slot_that_nobody_uses_goes_back_by_itself(limits: Any, prefect_server: Server) -> None:
    """A process that reads one source would else keep the others from theirs for as long as it runs."""
    with limits.slot("store_orders"):
        assert prefect_server.limit(NAME).active_slots == 1
    assert until_free(prefect_server)


def test_who_knows_that_nothing_more_is_read_gives_back_at_once(limits: Any, prefect_server: Server) -> None:
    """The next process need not wait half a second; what is in use stays."""
    with limits.slot("store_orders"):
        with limits.slot("store_orders"):
            assert prefect_server.limit(NAME).active_slots == 2
        limits.give_back_free()
        assert prefect_server.limit(NAME).active_slots == 1
    limits.give_back_free()
    assert prefect_server.limit(NAME).active_slots == 0


def test_a_slot_goes_back_after_its_turn_though_there_is_more_to_read(
    limits: Any, prefect_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand splits of one run must not keep another run from its one for an hour."""
    monkeypatch.setattr(limits, "_TURN", 0.0)
    with limits.slot("store_orders"):
        assert prefect_server.limit(NAME).active_slots == 1
    assert prefect_server.limit(NAME).active_slots == 0
    with limits.slot("store_orders"):
        assert prefect_server.limit(NAME).active_slots == 1
