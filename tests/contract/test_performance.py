"""What the documents say that Sluice costs is what was measured."""

from __future__ import annotations

import re

import pytest

from bench.__main__ import CASES
from bench.figures import load
from bench.plots import DOCUMENT, RESULTS, filled

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_tables_say_what_the_results_say() -> None:
    """`python -m bench.plots` writes them again. A figure typed by hand is right until the next measurement."""
    assert filled(TEXT, load(RESULTS)) == TEXT


@pytest.mark.parametrize("case", CASES)
def test_every_case_has_its_place_in_the_document(case: str) -> None:
    """A measurement that nobody can read was made for nothing."""
    assert f"<!-- figures: {case} -->" in TEXT


def test_every_goal_is_shown_whether_met_or_missed() -> None:
    """The goals that are missed are the ones that a reader has to know."""
    shown = set(re.findall(r"^\| `([^`]+)` \|", TEXT, re.M))
    assert {name for name, figure in load(RESULTS).items() if figure.goal is not None} == shown
