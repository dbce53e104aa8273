"""The same flows from the command line, from a script and by import: same lake, same exit codes, quiet on failures."""

from __future__ import annotations

import subprocess
import sys

from tests.e2e.apis import Online
from tests.support.api import status
from tests.support.prefect import Server
from tests.support.repository import ROOT
from tests.support.site import SLUICE, Result, Site

REFRESH, INGEST = str(ROOT / "flows" / "refresh.py"), str(ROOT / "flows" / "ingest.py")
IMPORTED = """
from flows.refresh import refresh
from sluice.errors import SluiceError
try:
    print(refresh("daily_sales", "2026-05-01")[0]["outcomes"])
    refresh("daily_salse", "2026-05-01")
except SluiceError as error:
    print(error.code, error.exit_code)
"""


def test_by_import_as_a_script_and_by_command(site: Site) -> None:
    """Whoever has a scheduler of their own calls a flow as a function; each way finds what the former published."""
    imported = site.run(sys.executable, "-c", IMPORTED, cwd=site.folder)
    assert imported.out.splitlines() == ["{'2026-05-01': 'published'}", "catalog.unknown 6"]
    versions = site.versions()
    script = site.run(sys.executable, REFRESH, "daily_sales", "2026-05-01", cwd=site.folder)
    assert script.code == 0
    assert site.sluice("run", "daily_sales", "--for", "2026-05-01").out.splitlines()[-1].startswith("Nothing new")
    assert site.versions() == versions


def test_a_script_exits_by_disposition_and_shows_no_traceback(online: Online) -> None:
    """A cron job acts on the code; the person who reads its mail acts on the sentence."""
    online.api.every = status(503)
    script = [sys.executable, REFRESH]
    transient = online.site.run(sys.executable, INGEST, "online_orders", cwd=online.site.folder)
    unknown = online.site.run(*script, "daily_salse", "2026-05-01", cwd=online.site.folder)
    usage = online.site.run(*script, cwd=online.site.folder)
    assert [transient.code, unknown.code, usage.code] == [4, 6, 2]
    assert "source.unreachable: answered 503" in transient.err.splitlines()[-1]
    assert unknown.err.splitlines()[-1] == "  → did you mean 'daily_sales'?"
    assert "Usage: python" in usage.err
    assert usage.err.count("\n") == 2
    for result in (transient, unknown, usage):
        assert "Traceback" not in result.err


def test_expected_failures_leave_a_quiet_terminal(online: Online, prefect_server: Server) -> None:
    """Milestones, a table, one sentence with its place and remedy: nothing of Prefect, no warning, no traceback."""
    online.api.then(status(503))
    outage = online.site.run(*SLUICE, "ingest", "online_orders", "stores")
    assert_quiet(outage)
    assert "source.unreachable: answered 503" in outage.err  # said while it waits, not only at the end
    assert "online_orders: landed 100 rows as version 1" in outage.err
    online.api.every = status(403)
    broken = online.site.run(*SLUICE, "ingest", "online_orders", "stores")
    assert broken.code == 5
    assert_quiet(broken)
    assert broken.err.splitlines()[-4].startswith("source.unauthorised: answered 403")
    assert broken.err.splitlines()[-1] == "  More: docs/runbooks/source-unauthorised.md"


def test_verbose_shows_the_log_of_the_run(site: Site) -> None:
    """When a run hangs, people want to see where."""
    result = site.run(*SLUICE, "ingest", "stores", "--verbose")
    assert "Task run 'commit stores' - Finished in state Completed()" in result.err


def assert_quiet(result: Result) -> None:
    for noise in ("Traceback", "Warning", "prefect", "Flow run", "Task run", "| INFO", "| ERROR"):
        assert noise not in result.err + result.out


def test_a_flow_is_a_function_of_prefect(prefect_server: Server) -> None:
    """`prefect` finds the flows by their entrypoints, as deployments name them."""
    script = "from prefect.flows import load_flow_from_entrypoint as load; print(load('flows/refresh.py:refresh').name)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "refresh\n"
