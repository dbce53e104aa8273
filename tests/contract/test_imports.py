"""Who may know whom. The layers themselves stand in pyproject.toml under [tool.importlinter]."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT, imported, modules, name_of

HEAVY = {
    "boto3", "deltalake", "duckdb", "great_expectations", "httpx", "numpy", "pandas", "polars", "prefect", "psycopg2",
    "pyarrow", "pydantic", "pydantic_settings", "rich", "yaml",
}  # fmt: skip


def test_the_layers_hold() -> None:
    """Indirect imports count: one convenience import once dragged the whole orchestrator into the core."""
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_only_the_presets_make_tasks() -> None:
    """Retry and cache rules in one file are read; in sixty files they are copied."""
    makers = {name_of(path) for path in modules("flows", "tasks", "sluice", "deployments") if _makes_tasks(path)}
    assert makers <= {"tasks/_presets.py"}


def _makes_tasks(path: Path) -> bool:
    by_name = {"prefect.task", "prefect.tasks.task"} & set(imported(path))
    by_attribute = any(
        isinstance(node, ast.Attribute)
        and node.attr == "task"
        and isinstance(node.value, ast.Name)
        and node.value.id == "prefect"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
    return bool(by_name) or by_attribute


def test_only_the_lake_reads_and_writes_tables() -> None:
    """Polars speaks Delta too: its shortcuts would go round the one place that compares versions."""
    shortcuts = ("scan_delta", "read_delta", "write_delta", "sink_delta", "write_deltalake")
    users = {
        name_of(path)
        for path in modules("sluice", "flows", "tasks")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name) and getattr(node, "attr", getattr(node, "id", "")) in shortcuts
    }
    assert {user for user in users if not user.startswith("sluice/lake/")} == set()


@pytest.mark.parametrize("module", ["sluice.cli.main", "sluice.errors", "sluice.sources.base"])
def test_importing_it_is_cheap(module: str) -> None:
    """`sluice --help` must not wait seconds for libraries it does not use."""
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert {name.split(".")[0] for name in run.stdout.split()} & HEAVY == set()


def test_pyarrow_and_pandas_stay_out_of_the_runtime() -> None:
    """`DeltaTable.to_pyarrow_table` aborted the interpreter at exit in 5 of 60 runs; pandas rounds large integers."""
    users = {
        name_of(path)
        for path in modules("sluice", "flows", "tasks")
        if {name.split(".")[0] for name in imported(path)} & {"pyarrow", "pandas"}
    }
    assert users == set()
