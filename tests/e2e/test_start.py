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
    versions, taken = site.versions(), slots(prefect_server)  # a worker that was killed keeps its slots for a minute
    code, *modules = site.run(sys.executable, "-c", MODULES).out.split()
    assert code == "0"
    assert site.versions() == versions
    tops = {module.split(".")[0] for module in modules}
    assert {"prefect", "polars", "psycopg2"} <= tops
    assert {"great_expectations", "pandas", "scipy", "boto3", "distributed"} & tops == set()
    newest = prefect_server.flow_runs()[0]
    assert newest.state.name == "Completed"
    assert "nothing new" in prefect_server.artifact_of(newest, "verdict-daily-sales")
    assert slots(prefect_server) <= taken, "a run that is over holds slots"


def slots(server: Server) -> int:
    sources = ("online-orders", "store-orders", "stores", "till-files")
    return sum(server.limit(f"source-{name}").active_slots for name in sources)
