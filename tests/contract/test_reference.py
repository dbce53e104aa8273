"""The pages about commands and settings are those of the code."""

from __future__ import annotations

import pytest

from sluice.cli.reference import pages
from tests.support.repository import ROOT


@pytest.mark.parametrize("name", ["cli.md", "settings.md"])
def test_the_reference_is_that_of_the_code(name: str) -> None:
    """`make generate` writes it again; nobody edits two places."""
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == pages()[name]


def test_it_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that depends on the terminal or the environment drifts for no reason."""
    before = pages()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("SLUICE_LAKE", "elsewhere")
    monkeypatch.setenv("SLUICE_WORKERS", "99")
    assert pages() == before
