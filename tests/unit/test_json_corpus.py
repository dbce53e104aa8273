"""nst/JSONTestSuite: 318 files that JSON parsers of the world disagree about."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from sluice.errors import Broken
from sluice.sources.json_rows import parse

CORPORA = os.environ.get("SLUICE_CORPORA")
FILES = sorted((Path(CORPORA) / "json_test_suite" / "test_parsing").glob("*.json")) if CORPORA else []
pytestmark = pytest.mark.skipif(not FILES, reason="SLUICE_CORPORA does not name a folder with json_test_suite")


def beginning(letter: str) -> list[Path]:
    return [file for file in FILES if file.name.startswith(letter)]


@pytest.mark.parametrize("file", beginning("y_"), ids=lambda file: file.name)
def test_valid_json_parses(file: Path) -> None:
    """What RFC 8259 allows a source may send, however odd it looks."""
    parse(file.read_bytes(), file.name)


@pytest.mark.parametrize("file", beginning("n_"), ids=lambda file: file.name)
def test_invalid_json_is_refused_with_its_byte(file: Path) -> None:
    """Whoever mends the source needs to know where to look."""
    with pytest.raises(Broken) as caught:
        parse(file.read_bytes(), file.name, "file.unreadable")
    assert caught.value.code == "file.unreadable"
    assert caught.value.where == file.name
    assert 0 <= caught.value.facts["byte"] <= file.stat().st_size
    assert f"byte {caught.value.facts['byte']}" in str(caught.value)


@pytest.mark.parametrize("file", beginning("i_"), ids=lambda file: file.name)
def test_json_that_parsers_disagree_about_never_crashes_ours(file: Path) -> None:
    """Either way is allowed here; a traceback or a crash of the interpreter is not."""
    with suppress(Broken):
        parse(file.read_bytes(), file.name)


def test_the_corpus_is_whole() -> None:
    """A half-copied corpus would pass the other tests by having nothing to test."""
    assert [len(beginning(letter)) for letter in ("y_", "n_", "i_")] == [95, 188, 35]
