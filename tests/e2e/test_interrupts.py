"""Stopped in the middle, politely or not: the lake is whole, and the next run completes."""

from __future__ import annotations

import signal
import subprocess
import time

from tests.e2e.apis import Online
from tests.support.prefect import Server
from tests.support.site import SLUICE, finished

COMMAND = [*SLUICE, "run", "daily_sales", "--for", "2026-05-01"]


def in_the_middle(online: Online) -> subprocess.Popen[str]:
    """A run that has planned every source but the shop, which is too slow to answer soon."""
    online.api.delay = 30.0
    process = online.site.start(*COMMAND)
    assert process.stderr is not None
    waiting = {"store_orders", "stores", "till_files"}
    said = []
    for line in process.stderr:
        said.append(line)
        waiting -= {name for name in waiting if f" {name}: " in line and "to read" in line}
        if not waiting:
            time.sleep(1)  # they give their slots back: those of a killed process stay taken for a minute
            return process
    raise AssertionError(f"the run ended before it had planned its sources:\n{''.join(said)}")


def assert_completes(online: Online) -> None:
    online.api.delay = 0.0
    assert online.site.sluice("run", "daily_sales", "--for", "2026-05-01").code == 0
    silver = online.site.rows("silver", "store_orders")
    assert silver.height == silver["order_id"].n_unique() > 0
    assert online.site.rows("silver", "online_orders").height == len(online.api.records)
    assert online.site.versions()["gold.daily_sales"] == 1


def test_ctrl_c_stops_at_once_and_the_next_run_completes(online: Online, prefect_server: Server) -> None:
    """Nobody waits for a slow source to be told off; what was read and not committed is read again."""
    process = in_the_middle(online)
    since = time.monotonic()
    process.send_signal(signal.SIGINT)
    result = finished(process)
    assert time.monotonic() - since < 5
    assert (result.code, result.err.strip()) == (130, "Stopped.")
    assert prefect_server.flow_runs()[0].state.name == "Crashed"
    assert prefect_server.limit("source-online-orders").active_slots == 0
    assert online.site.versions() == {}
    assert_completes(online)


def test_kill_9_in_the_middle_and_the_next_run_completes(online: Online, prefect_server: Server) -> None:
    """A machine that vanishes must not cost a row."""
    process = in_the_middle(online)
    process.kill()
    finished(process)
    assert_completes(online)
    prefect_server.forget_limit(
        "source-online-orders"
    )  # a slot of it is taken for a minute: not the next test's matter
