"""The tutorials, followed to the letter by a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import run
from tests.support.repository import ROOT

TUTORIALS = ROOT / "docs" / "tutorials"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The reader's own, with `sluice` on the path; the page's server ends with the test, come what may."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("SLUICE_", "PREFECT_"))}
    ours["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}"
    yield ours
    stop = [Path(sys.executable).with_name("sluice"), "server", "stop"]
    subprocess.run(stop, env=ours | {"PREFECT_HOME": str(tmp_path / "bakery" / ".prefect")}, check=True)


def test_the_tutorials_do_what_they_say(tmp_path: Path, environment: dict[str, str]) -> None:
    """The first hour decides whether there is a second; the second page goes on where the first one ends."""
    pages = [TUTORIALS / "first-source.md", TUTORIALS / "first-product.md"]
    if wrong := run([page for page in pages if page.exists()], tmp_path, environment):
        pytest.fail("\n\n".join(wrong), pytrace=False)
