"""The same flows on Dask: workers are processes, as on other machines, and what they leave is what threads leave."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer

from tests.e2e.apis import PAGES, Online
from tests.support.dask import cluster
from tests.support.prefect import Server
from tests.support.site import SLUICE, finished

NAMED = [sys.executable, "-c", "from flows.refresh import refresh; refresh('daily_sales', '2026-05-01', run='named')"]
REFRESH = [*SLUICE, "run", "daily_sales", "--for", "2026-05-01"]
PATIENCE = 300.0  # seconds: each worker begins with its imports, and a loaded machine is slow, not wrong
INGEST = [*SLUICE, "ingest", "online_orders"]


def contents(lake: Path) -> dict[str, bytes]:
    """Every data file of a lake, committed or not."""
    return {str(path.relative_to(lake)): path.read_bytes() for path in lake.rglob("*.parquet")}


def heard(process: subprocess.Popen[str], text: str) -> str:
    """What a run says, up to the line with this text."""
    assert process.stderr is not None
    lines = []
    hung = Timer(PATIENCE, process.kill)
    hung.start()
    for line in process.stderr:
        lines.append(line)
        if text in line:
            hung.cancel()
            return "".join(lines)
    raise AssertionError(f"the run ended and never said {text!r}:\n{''.join(lines)}")


def assert_each_order_stands_once(online: Online) -> None:
    assert online.site.versions()["bronze.online_orders"] == 1
    assert online.site.rows("bronze", "online_orders").height == len(online.api.records)
    silver = online.site.rows("silver", "online_orders")
    assert silver.height == silver.select(online.site.workspace.catalog.source("online_orders").key).n_unique()
    assert silver.height == len(online.api.records)


def test_two_workers_leave_byte_for_byte_what_threads_leave(online: Online) -> None:
    """Whoever scales out must not get other numbers, other names or other files."""
    site, lakes = online.site, {name: online.site.folder / name for name in ("threads", "dask")}
    assert finished(site.start(*NAMED, SLUICE_LAKE=str(lakes["threads"])), PATIENCE).code == 0
    site.environment["SLUICE_LAKE"] = str(lakes["dask"])
    with cluster(site) as dask:
        dask.add_worker()
        dask.add_worker()
        result = finished(site.start(*NAMED, **dask.environment), PATIENCE)
        assert result.code == 0, result.err
    assert contents(lakes["dask"]) == contents(lakes["threads"])
    assert site.commits("gold", "daily_sales")[0]["run"] == "named"


def test_a_killed_worker_costs_what_it_was_reading_and_nothing_it_had_read(online: Online) -> None:
    """Its splits are begun again on another worker; what it staged is in no commit, and each row stands once."""
    online.change(limits={"concurrency": 2})  # the catalog's has a rate, which the flow keeps itself
    with cluster(online.site) as dask:
        doomed = dask.add_worker(threads=1, SLUICE_FAILPOINT="land.staged:3")
        run = online.site.start(*INGEST, **dask.environment)
        assert doomed.wait(timeout=PATIENCE) == -signal.SIGKILL
        assert "online_orders: read cursor, part 2 of 4, " in heard(run, " is lost: ")
        dask.add_worker()
        result = finished(run, PATIENCE)
    assert result.code == 0, result.err
    assert sum(online.pages().values()) == PAGES + 1 + 1  # planning asks for the first page, the third was read twice
    assert_each_order_stands_once(online)


def test_a_worker_that_dies_after_its_commit_has_committed_once(online: Online) -> None:
    """Dask does a task again that it has no answer of, also where only the answer was lost."""
    online.change(limits={"concurrency": 2})  # the catalog's has a rate, which the flow keeps itself
    with cluster(online.site) as dask:
        first = dask.add_worker(SLUICE_FAILPOINT="land.committed")
        run = online.site.start(*REFRESH, **dask.environment)
        assert first.wait(timeout=PATIENCE) == -signal.SIGKILL
        second = dask.add_worker(SLUICE_FAILPOINT="publish.committed")
        assert second.wait(timeout=PATIENCE) == -signal.SIGKILL
        dask.add_worker()
        result = finished(run, PATIENCE)
    assert result.code == 0, result.err
    assert_each_order_stands_once(online)
    assert online.site.versions()["gold.daily_sales"] == 1


def test_a_scheduler_that_is_killed_is_named_and_the_next_run_goes_on(online: Online, prefect_server: Server) -> None:
    """The run ends with a sentence, readers keep what they had, and no worker writes into the lake after it."""
    online.change(limits={"concurrency": 2})  # the catalog's has a rate, which the flow keeps itself
    online.api.delay = 20.0
    with cluster(online.site) as dask:
        worker = dask.add_worker()
        run = online.site.start(*REFRESH, **dask.environment)
        heard(run, "online_orders: ")
        dask.kill_scheduler()
        result = finished(run, PATIENCE)
        worker.kill()
    assert result.code == 4, result.err
    assert "workers.lost: the scheduler was lost while " in result.err
    assert "Traceback" not in result.err
    assert "gold.daily_sales" not in online.site.versions()
    online.api.delay = 0.0
    prefect_server.forget_limit("source-online-orders")  # a slot of it is taken for a minute
    assert online.site.run(*REFRESH).code == 0
    assert_each_order_stands_once(online)


def test_a_worker_with_another_lake_is_refused(online: Online) -> None:
    """Half of a result would lie where nobody looks for it."""
    online.change(limits={"concurrency": 2})  # the catalog's has a rate, which the flow keeps itself
    elsewhere = online.site.folder / "elsewhere"
    with cluster(online.site) as dask:
        dask.add_worker(SLUICE_LAKE=str(elsewhere))
        result = finished(online.site.start(*REFRESH, **dask.environment), PATIENCE)
    assert result.code == 6
    assert f"workers.differ: a worker has another lake, {elsewhere} and not the flow's " in result.err
    assert online.site.versions() == {}
    assert contents(elsewhere) == {}


def test_workers_of_this_machine_end_with_their_run(online: Online) -> None:
    """`SLUICE_RUNNER=dask` needs nobody to start anything, and Ctrl-C leaves nothing running."""
    online.site.environment["SLUICE_RUNNER"] = "dask"
    online.api.delay = 30.0
    run = online.site.start(*INGEST)
    heard(run, "online_orders: ")
    run.send_signal(signal.SIGINT)
    result = finished(run, PATIENCE)
    assert (result.code, result.err.strip().splitlines()[-1]) == (130, "Stopped.")
    assert online.site.versions() == {}
