"""A run with nothing new to do: what most runs are, so they are short, and say so in the UI too."""

from __future__ import annotations

import sys

from tests.support.prefect import Server
from tests.support.site import Site

RUN = ["run", "daily_sales", "--for", "2026-05-01", "--json"]
MODULES = f"""
import io, sys
from contextlib import redirect_stdout
from sluice.cli.main import call
with redirect_stdout(io.StringIO()):
    code = call({RUN!r})
print(code, *sys.modules)
"""


def test_a_run_with_nothing_new_imports_no_gate_and_is_complete_in_the_ui(site: Site, prefect_server: Server) -> None:
    """Great Expectations costs more to import than such a run costs as a whole."""
    assert site.sluice(*RUN).code == 0
    versions = site.versions()
    code, *modules = site.run(sys.executable, "-c", MODULES).out.split()
    assert code == "0"
    assert site.versions() == versions
    tops = {module.split(".")[0] for module in modules}
    assert {"prefect", "polars", "psycopg2"} <= tops
    assert {"great_expectations", "pandas", "scipy", "boto3", "distributed"} & tops == set()
    newest = prefect_server.flow_runs()[0]
    assert newest.state.name == "Completed"
    assert "nothing new" in prefect_server.artifact_of(newest, "verdict-daily-sales")
    assert all(limit.active_slots == 0 for limit in map(prefect_server.limit, LIMITS))


LIMITS = [f"source-{name}" for name in ("online-orders", "store-orders", "stores", "till-files")]
