"""What runs is this checkout, and a flow file cannot shadow or be shadowed."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT, modules, name_of

FLOWS = [path for path in modules("flows") if not path.name.startswith("_")]


@pytest.mark.parametrize("package", ["flows", "tasks", "sluice", "catalog"])
def test_the_package_comes_from_this_checkout_wherever_python_starts(package: str, tmp_path: Path) -> None:
    """A stray `tasks` in site-packages once ran instead of ours, and an editable install may map the core alone."""
    code = f"import {package}; print(*{{*{package}.__path__}}, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stdout.splitlines() == [str(ROOT / package)], run.stderr


@pytest.mark.parametrize("path", FLOWS, ids=name_of)
def test_no_flow_file_is_named_like_another_module(path: Path) -> None:
    """Prefect puts flows/ first on sys.path: a flow file `statistics.py` would replace the standard library's."""
    installed = set(importlib.metadata.packages_distributions())
    assert path.stem not in sys.stdlib_module_names | installed | {"sluice", "tasks", "catalog", "deployments", "tests"}


@pytest.mark.parametrize("path", FLOWS, ids=name_of)
def test_a_flow_file_loads_strictly_and_defines_flows_only(path: Path) -> None:
    """`prefect deploy` accepts a file that cannot be imported, and a class loaded twice has two identities."""
    from prefect import Flow
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(f"{path}:{path.stem}", use_placeholder_flow=False)
    assert isinstance(flow, Flow)
    assert [n.name for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.ClassDef)] == []


@pytest.mark.parametrize("path", FLOWS, ids=name_of)
def test_a_flow_file_says_when_and_in_what_order_and_no_more(path: Path) -> None:
    """What happens belongs to the core, where it can be tested without an orchestrator."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("folder", ["utils", "common", "lib", "scripts", "config"])
def test_there_is_no_folder_for_leftovers(folder: str) -> None:
    """A helper lives next to its use; a script is a command."""
    assert not (ROOT / folder).exists()
    assert not (ROOT / "sluice" / folder).exists()
