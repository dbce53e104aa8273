"""What a source can bear, whoever asks: limits that hold over processes, and one server for all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.apis import Online
from tests.support.prefect import Server
from tests.support.site import SLUICE, Site


def test_a_sources_limit_holds_over_two_processes(online: Online, prefect_server: Server) -> None:
    """Two products may read one API at the same time; its owner was promised two requests at once, not four."""
    online.change(limits={"concurrency": 2})
    online.api.delay = 0.6
    command = [*SLUICE, "ingest", "online_orders", "--json"]
    with ThreadPoolExecutor(2) as pool:
        lakes = [{"SLUICE_LAKE": str(online.site.folder / name)} for name in ("one", "two")]
        results = list(pool.map(lambda lake: online.site.run(*command, **lake), lakes))
    assert [result.code for result in results] == [0, 0]
    assert [result.facts["sources"][0]["landed"] for result in results] == [len(online.api.records)] * 2
    assert online.api.peak <= 2  # each process alone would ask four at once; whether they meet is up to the machine
    limit = prefect_server.limit("source-online-orders")
    assert (limit.limit, limit.active_slots) == (2, 0)


def test_every_source_of_a_run_has_its_limit(site: Site, prefect_server: Server) -> None:
    """A limit that is missing on the server would be silently unlimited."""
    assert site.sluice("ingest", "--json").code == 0
    sources = site.workspace.catalog.sources
    told = {name: prefect_server.limit(f"source-{name.replace('_', '-')}").limit for name in sources}
    assert told == {name: contract.limits.concurrency for name, contract in sources.items()}


def test_two_first_runs_start_one_server(prefect_server: Server, tmp_path: Path) -> None:
    """Each would otherwise start its own, and one of them would never be found again."""
    environment = {"PREFECT_HOME": str(tmp_path)}
    site = Site(tmp_path, environment)
    try:
        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(lambda _: site.run(*SLUICE, "server", "start"), range(2)))
        assert [each.code for each in said] == [0, 0]
        assert said[0].out == said[1].out
        assert said[0].out.split()[-1] in site.run(*SLUICE, "server", "status").out
    finally:
        stopped = site.run(*SLUICE, "server", "stop")
    assert stopped.out == "Stopped.\n"
    assert site.run(*SLUICE, "server", "status").out == "It does not run.\n"


def test_a_server_that_does_not_answer_is_named(site: Site, prefect_server: Server) -> None:
    """A sentence with a remedy within a second, not a traceback of the HTTP client."""
    result = site.run(*SLUICE, "run", "daily_sales", "--for", "2026-05-01", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert result.code == 4
    assert result.err.startswith("server.unreachable: the Prefect server does not answer\n  at PREFECT_API_URL=")
    assert result.out == ""
