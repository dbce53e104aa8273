"""What each way of starting may import: seconds are lost there first, and nobody sees by whom.

Counted in modules and not in seconds, so that it means the same on every machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

REASONS = {
    "great_expectations": "4 s: inside the audit only",
    "pandas": "half a second, and it rounds large integers",
    "scipy": "comes with Great Expectations alone",
    "prefect": "0.7 s at the best of times: for runs only; the lake answers without",
    "distributed": "as much as Polars: for runs on Dask only",
    "boto3": "a third of a second: for sources in S3 only",
    "psycopg2": "for sources in PostgreSQL only",
    "httpcore": "for sources behind an API only",
    "numpy": "a tenth of a second: for reading text files only",
    "polars": "0.2 s: for what touches rows only",
    "deltalake": "for what touches tables only",
    "obstore": "for lakes in S3 only",
    "pydantic": "0.1 s: for what reads contracts or settings only",
    "yaml": "for what reads contracts only",
    "asyncio": "for what needs an event loop only",
    "rich": "0.1 s: tables are printed by ourselves",
    "fastapi": "is the server's",
    "sqlalchemy": "is the server's",
    "matplotlib": "is the benchmarks'",
}
HELP = {*REASONS}
READER = {
    "great_expectations", "pandas", "scipy", "prefect", "distributed", "boto3", "psycopg2", "httpcore", "numpy",
    "obstore", "rich", "fastapi", "sqlalchemy", "matplotlib",
}  # fmt: skip
# Prefect brings its own pydantic, rich and asyncio; sources bring what they read with, when one is asked.
RUN = {
    "great_expectations", "pandas", "scipy", "distributed", "boto3", "psycopg2", "obstore", "fastapi", "sqlalchemy",
    "matplotlib",
}  # fmt: skip

CALL = "from sluice.cli.main import call; call({arguments!r})"
# program, what it may not import, how many modules it may import: about a fifth more than today
BUDGETS = {
    "sluice --help": (CALL.format(arguments=["--help"]), HELP, 150),
    "sluice run --help": (CALL.format(arguments=["run", "--help"]), HELP, 160),
    "sluice status": (CALL.format(arguments=["status"]), READER, 760),
    "sluice trust": (CALL.format(arguments=["trust"]), READER, 760),
    "sluice explain": (CALL.format(arguments=["explain", "daily_sales", "--for", "2026-05-01"]), READER, 760),
    "sluice diff": (CALL.format(arguments=["diff", "daily_sales", "--for", "2026-05-01"]), READER, 760),
    "sluice check": (CALL.format(arguments=["check"]), READER - {"numpy"}, 800),
    "sluice sources": (CALL.format(arguments=["sources", "list"]), READER, 760),
    "a flow, loaded": ("import flows.ingest, flows.refresh", RUN, 1700),
    "every task, loaded": ("import tasks.audit, tasks.build, tasks.land, tasks.publish, tasks.refine, tasks.report",
                           RUN, 1700),
    "the steps": ("import sluice.steps.audit, sluice.steps.land, sluice.steps.publish", READER, 760),
}  # fmt: skip


def imported_by(program: str, lake: Path) -> set[str]:
    """The modules of a process of its own that has run it, with an empty lake and this repository's catalog."""
    code = f"""
import io, sys
from contextlib import redirect_stderr, redirect_stdout
with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    {program}
print(*sys.modules)
"""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "PREFECT_", "COV_"))}
    environment = {
        **plain, "SLUICE_LAKE": str(lake), "SLUICE_CATALOG": str(ROOT / "catalog"),
        "SLUICE_NOW": "2026-05-03T07:00:00Z", "PREFECT_HOME": str(lake.parent / "prefect"),
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("name", BUDGETS)
def test_it_imports_what_it_needs_and_little_else(name: str, tmp_path: Path) -> None:
    """One convenient import at the top of a module makes every command wait for a library that one of them uses."""
    program, forbidden, most = BUDGETS[name]
    modules = imported_by(program, tmp_path / "lake")
    found = {module.split(".")[0] for module in modules} & forbidden
    assert {module: REASONS[module] for module in sorted(found)} == {}
    assert len(modules) <= most


def test_the_budget_sees_an_import_that_is_there(tmp_path: Path) -> None:
    """A command that failed early would import little, and keep to every budget."""
    modules = imported_by(BUDGETS["sluice status"][0], tmp_path / "lake")
    assert {"polars", "pydantic", "yaml", "sluice.steps.standing"} <= modules
