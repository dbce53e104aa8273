"""YAML as contracts take it: nothing is guessed, nothing is dropped, and every mistake has a line."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.catalog.document import MAX_BYTES, Document, Exact, Unreadable, read


def parsed(folder: Path, text: str | bytes) -> Document:
    path = folder / "source.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("5:45", "5:45"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("-12", -12),
        ("2026-05-01", date(2026, 5, 1)),
        ("2026-05-01T06:00:00Z", datetime(2026, 5, 1, 6, tzinfo=UTC)),
        ("'2026-05-01'", "2026-05-01"),
        ("'1.10'", "1.10"),
        (".inf", ".inf"),
        ("=", "="),
    ],
)
def test_reads_plain_words_as_people_mean_them(tmp_path: Path, written: str, meant: Any) -> None:
    """Norway's code is not False and a time of day is not 345 minutes."""
    value = parsed(tmp_path, f"key: {written}\n").value["key"]
    assert value == meant
    assert type(value) is type(meant)


def test_a_fraction_remembers_how_it_was_written(tmp_path: Path) -> None:
    """1.10 and twenty digits must reach a decimal column unrounded."""
    value = parsed(tmp_path, "a: 1.10\nb: 0.12345678901234567890\n").value
    assert isinstance(value["a"], Exact)
    assert value["a"] == 1.1
    assert str(value["a"]) == "1.10"
    assert str(value["b"]) == "0.12345678901234567890"


def test_every_key_has_its_place(tmp_path: Path) -> None:
    """A message without line and column sends people searching."""
    document = parsed(tmp_path, "a: 1\nb:\n  - {c: 2}\n  - d\n")
    assert document.keys["b", 0, "c"] == (3, 6)
    assert document.values["b", 0, "c"] == (3, 9)
    assert document.place(("b", 1)) == (4, 5)
    assert document.place(("b", 7, "x")) == (3, 3)
    assert document.at(("b", 0, "c")) == 2


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a: 1\na: 2\n", (2, 1), "'a' stands twice, first on line 1"),
        ("a: {b: 1, b: 2}\n", (1, 11), "'b' stands twice"),
        ("a: &x 1\n", (1, 4), "anchors and aliases"),
        ("a: *x\n", (1, 4), "anchors and aliases"),
        ("a: {<<: {b: 1}}\n", (1, 5), "merges"),
        ("a: !!python/object:os.system x\n", (1, 4), "tags like"),
        ("? [a, b]\n: 1\n", (1, 3), "a key must be a plain word"),
        ("a: 2026-13-01\n", (1, 4), "2026-13-01 is not a date"),
        ("a: [1, 2\nb: 3\n", (2, 2), "not YAML"),
        ("a: 1\n---\nb: 2\n", (2, 1), "more than one document"),
        ("- a\n", (1, 1), "keys and values"),
        ("", (1, 1), "empty"),
        ("# only a comment\n", (1, 1), "empty"),
        ("a: \x01\n", (1, 1), "not YAML"),
        (b"a: \xff\n", (1, 1), "not UTF-8"),
        ("a: " + "[" * 50 + "]" * 50, (1, 36), "levels deep"),
    ],
)
def test_refuses_what_is_ambiguous_and_says_where(
    tmp_path: Path, text: str | bytes, place: tuple[int, int], says: str
) -> None:
    """PyYAML keeps the last of two equal keys, and an alias bomb loads in 10 ms."""
    with pytest.raises(Unreadable) as caught:
        parsed(tmp_path, text)
    assert says in caught.value.message
    assert caught.value.place == place


def test_refuses_a_file_over_a_megabyte(tmp_path: Path) -> None:
    """A contract that large is a data file in the wrong folder."""
    with pytest.raises(Unreadable, match="at most 1,000,000"):
        parsed(tmp_path, "a: " + "x" * MAX_BYTES)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    """Windows editors write one."""
    assert parsed(tmp_path, b"\xef\xbb\xbfa: 1\n").value == {"a": 1}


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_never_a_crash(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever an editor leaves behind, the answer is a sentence."""
    folder = tmp_path_factory.mktemp("any")
    with suppress(Unreadable):
        assert isinstance(parsed(folder, text.encode("utf-8", "surrogatepass")).value, dict)
