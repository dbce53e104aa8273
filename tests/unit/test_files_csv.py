"""CSV as RFC 4180 has it, against Python's own csv module, a public corpus, and damage."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import Misconfigured
from sluice.sources.files import csv as _files_csv
from tests.support.landing import reading, rows, text_columns


def landed(folder: Path, body: bytes, name: str = "till.csv", **overrides: Any) -> pl.DataFrame:
    (folder / name).write_bytes(body)
    return rows(reading(folder, **overrides))


def good(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.filter(pl.col("_problem").is_null()).select("id", "name", "_line").rows()


def ragged(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.filter(pl.col("_problem") == "file.ragged_line").select("_line", "_raw").rows()


def whole(frame: pl.DataFrame) -> tuple[str, str]:
    """The one row that stands for a file nobody can read."""
    assert frame.height == 1
    assert frame["_line"].to_list() == [None]
    return frame["_problem"][0], frame["_raw"][0]


def test_an_unquoted_empty_field_is_null_and_a_quoted_one_is_empty(tmp_path: Path) -> None:
    """Null and empty mean different things to a rule; the file tells them apart, so we must."""
    assert good(landed(tmp_path, b'id,name\n1,\n2,""\n3,x\n')) == [("1", None, 2), ("2", "", 3), ("3", "x", 4)]


def test_only_the_unquoted_null_text_is_null(tmp_path: Path) -> None:
    """A customer called NA is a customer. Polars alone would lose them."""
    frame = landed(tmp_path, b'id,name\n1,NA\n2,"NA"\n3,\n4,"say ""NA"" twice"\n', csv={"null": "NA"})
    assert [row[1] for row in good(frame)] == [None, "NA", "", 'say "NA" twice']


def test_no_null_text_means_no_nulls(tmp_path: Path) -> None:
    """`null: null` in a contract says that an empty field is an empty string."""
    assert good(landed(tmp_path, b"id,name\n1,\n", csv={"null": None})) == [("1", "", 2)]


def test_line_numbers_count_the_newlines_within_quotes(tmp_path: Path) -> None:
    """Whoever looks for a bad row opens the file in an editor, which counts physical lines."""
    frame = landed(tmp_path, b'id,name\r\n1,"a\r\nb"\r\n2,c\r\n3\r\n4,"d\n\ne"\r\n5,f')
    assert good(frame) == [("1", "a\r\nb", 2), ("2", "c", 4), ("4", "d\n\ne", 6), ("5", "f", 9)]
    assert ragged(frame) == [(5, "3")]


@pytest.mark.parametrize(
    ("line", "why"),
    [("2", "too few"), ("2,b,c", "too many"), ('2,b"c', "a quote inside"), ('2,"b"c', "text behind a quote")],
)
def test_a_ragged_line_is_set_aside_by_number_and_the_rest_goes_on(tmp_path: Path, line: str, why: str) -> None:
    """One bad line must cost one line, not the file, and never a shifted column."""
    frame = landed(tmp_path, f"id,name\n1,a\n{line}\n3,c\n\n4,d\n".encode())
    assert good(frame) == [("1", "a", 2), ("3", "c", 4), ("4", "d", 6)], why
    assert ragged(frame) == [(3, line)], why


def test_a_short_and_a_long_line_do_not_make_up_for_each_other(tmp_path: Path) -> None:
    """The count of all delimiters is right here; only a count per line shows the damage."""
    frame = landed(tmp_path, b"id,name\n1\n2,b,c\n3,d\n")
    assert ragged(frame) == [(2, "1"), (3, "2,b,c")]
    assert good(frame) == [("3", "d", 4)]


def test_a_quote_that_nothing_closes_costs_its_own_line(tmp_path: Path) -> None:
    """A lost quote near the start must not swallow the rest of the file."""
    frame = landed(tmp_path, b'id,name\n1,a\n2,"b\n3,c\n4,d\n')
    assert good(frame) == [("1", "a", 2), ("3", "c", 4), ("4", "d", 5)]
    assert ragged(frame) == [(3, '2,"b')]


def test_what_may_be_inside_a_broken_quote_is_never_a_row(tmp_path: Path) -> None:
    """`9,x` stands inside quotes whose end is broken: a row made of it would be an invention."""
    frame = landed(tmp_path, b'id,name\n1,"a\n9,x\nb"c\n2,d\n')
    assert good(frame) == [("2", "d", 5)]
    assert ragged(frame) == [(2, '1,"a\n9,x\nb"c')]


def test_many_bad_quotes_in_a_long_file_are_each_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows shrink and grow around damage; no line may be lost or read twice at their seams."""
    monkeypatch.setattr(_files_csv, "WINDOW", 5000)
    monkeypatch.setattr(_files_csv, "_SMALL", 100)
    lines = [f'{i},5" pipe' if i % 37 == 0 else f'{i},"a ""b""\n{i}"' for i in range(3000)]
    frame = landed(tmp_path, "\n".join(["id,name", *lines]).encode())
    assert [int(row[0]) for row in good(frame)] == [i for i in range(3000) if i % 37]
    assert [raw for _, raw in ragged(frame)] == [f'{i},5" pipe' for i in range(0, 3000, 37)]
    numbers, at = {}, 2
    for i, line in enumerate(lines):
        numbers[str(i)] = at
        at += 1 + line.count("\n")
    assert all(line == numbers[key] for key, _, line in good(frame))
    assert all(line == numbers[raw.split(",")[0]] for line, raw in ragged(frame))


def test_a_record_without_end_is_given_up_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary file with a csv name has lines of gigabytes; they must not be held."""
    monkeypatch.setattr(_files_csv, "WINDOW", 4096)
    monkeypatch.setattr(_files_csv, "RECORD", 8192)
    monkeypatch.setattr(_files_csv, "_READ", 1024)
    body = b"id,name\n1,a\n" + b"x" * 50_000 + b'\n2,b\n3,"' + b"y\n" * 20_000 + b"4,d\n"
    frame = landed(tmp_path, body)
    assert good(frame) == [("1", "a", 2), ("2", "b", 4), ("4", "d", 20005)]
    numbers = frame.filter(pl.col("_problem").is_not_null())["_line"].to_list()
    assert numbers == [3, *range(5, 20005)]


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"\n\r\n"])
def test_a_file_without_even_a_header_is_unreadable(tmp_path: Path, body: bytes) -> None:
    """A cut upload leaves an empty file; to take it for a day without sales would be wrong."""
    assert whole(landed(tmp_path, body)) == ("file.unreadable", "the file is empty: there is not even a header")


def test_a_header_and_nothing_else_is_a_file_without_rows(tmp_path: Path) -> None:
    """A till that sold nothing says so like this."""
    frame = landed(tmp_path, b"id,name\n")
    assert frame.height == 0
    assert frame.columns == ["id", "name", "_origin", "_line", "_problem", "_raw"]


def test_a_missing_column_is_one_problem_of_the_whole_file(tmp_path: Path) -> None:
    """Nobody can use rows without the promised column; the reason names the nearest one."""
    (tmp_path / "ok.csv").write_bytes(b"id,name\n1,a\n")
    frame = landed(tmp_path, b"idd,name\n1,a\n2,b\n")
    assert good(frame) == [("1", "a", 2)]
    code, reason = whole(frame.filter(pl.col("_problem").is_not_null()))
    assert code == "contract.missing_column"
    assert (
        reason
        == "there is no column 'id', which the contract promises as 'id'; the nearest is 'idd': the header is idd,name"
    )


def test_a_name_that_stands_twice_makes_the_file_unreadable(tmp_path: Path) -> None:
    """Which of the two is meant nobody can tell."""
    code, reason = whole(landed(tmp_path, b"id,name,name\n1,a,b\n"))
    assert code == "file.unreadable"
    assert "names 'name' twice" in reason


def test_other_columns_come_along_as_text(tmp_path: Path) -> None:
    """Schema drift is decided later; here nothing is lost, and nothing takes the name of a column of ours."""
    columns = {"id": {"type": "int64", "from": "ID"}, "name": {"type": "string"}}
    frame = landed(tmp_path, b"ID,id,_line,\n1,2,3,4\n", columns=columns)
    assert frame.select("id", "name", "source.id", "source._line", "column_4", "_line").rows() == [
        ("1", None, "2", "3", "4", 2)
    ]


def test_a_file_without_header_has_the_contracts_columns_in_order(tmp_path: Path) -> None:
    """`header: false`: the contract is the header."""
    assert good(landed(tmp_path, b"1,a\n2\n", csv={"header": False})) == [("1", "a", 1)]


def test_a_cyrillic_file_with_semicolons_is_read_in_its_encoding(tmp_path: Path) -> None:
    """Half of the tills run an old Windows."""
    body = "id;name\n1;Ташкент, \"ЦУМ\"\n2;'Чорсу; базар'\n".encode("cp1251")
    frame = landed(tmp_path, body, csv={"delimiter": ";", "quote": "'", "encoding": "cp1251"})
    assert good(frame) == [("1", 'Ташкент, "ЦУМ"', 2), ("2", "Чорсу; базар", 3)]


@pytest.mark.parametrize(
    ("body", "encoding", "offset"),
    [(b"id,name\n1,a\xff\n", "utf-8", 11), (b"id,name\n1,\xd0", "utf-8", 10), (b"id,name\n1,\x98\n", "cp1251", 10)],
)
def test_bytes_that_are_no_text_make_the_file_unreadable(
    tmp_path: Path, body: bytes, encoding: str, offset: int
) -> None:
    """A wrong guess of the encoding turns names into rubbish that passes every rule."""
    code, reason = whole(landed(tmp_path, body, csv={"encoding": encoding}))
    assert code == "file.unreadable"
    assert f"at byte {offset}:" in reason


def test_a_mark_of_byte_order_is_taken_off_the_file_and_off_nothing_else(tmp_path: Path) -> None:
    """Excel writes one before the header; a value that begins with one keeps it."""
    frame = landed(tmp_path, "\ufeffid,name\n\ufeff1,\ufeffa\n".encode())
    assert good(frame) == [("\ufeff1", "\ufeffa", 2)]


def test_a_delimiter_that_cannot_work_is_the_contracts_fault() -> None:
    """Said when the contract is used, not with a million ragged lines."""
    with pytest.raises(Misconfigured, match="two different ASCII signs"):
        reading("/nowhere", csv={"delimiter": '"'})


CORPUS = os.environ.get("SLUICE_CORPORA")
SPECTRUM = sorted(Path(CORPUS, "csv_spectrum/csvs").glob("*.csv")) if CORPUS else []


@pytest.mark.skipif(not CORPUS, reason="SLUICE_CORPORA does not name the folder of corpora")
def test_the_csv_spectrum_is_complete() -> None:
    """Eleven files, or the next test proves less than it says."""
    assert len(SPECTRUM) == 11


@pytest.mark.parametrize("path", SPECTRUM, ids=lambda path: path.stem)
def test_agrees_with_the_csv_spectrum(tmp_path: Path, path: Path) -> None:
    """A corpus that others wrote, with the answers. Its CRLF files lost their CRs in a checkout; they get them back."""
    body = path.read_bytes()
    if path.stem.endswith("_crlf"):
        body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    names = next(csv.reader(io.StringIO(body.decode(), newline="")))
    frame = landed(tmp_path, body, columns=text_columns(*names), csv={"null": None})
    assert frame["_problem"].null_count() == frame.height
    expected = json.loads((path.parent.parent / "json" / f"{path.stem}.json").read_text())
    assert frame.select(names).to_dicts() == expected


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text('",\r\n a', max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1)),
    # Without quotes a last field that ends with CR cannot be told from a CRLF, and csv quotes it only for CRLF.
    how=st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
    block=st.sampled_from([16, 64, 1 << 20]),
)
def test_reads_back_whatever_pythons_csv_module_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: list[list[str]], how: tuple[str, Any], block: int
) -> None:
    """Any text in any field, cut into blocks anywhere: the same values, on the right lines."""
    monkeypatch.setattr(_files_csv, "WINDOW", block)
    names = [f"c{i}" for i in range(len(table[0]))]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=how[0], quoting=how[1])
    writer.writerow(names)
    starts = []
    for row in table:
        starts.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    frame = landed(tmp_path, text.getvalue().encode(), columns=text_columns(*names), csv={"null": None})
    assert frame.select(names).rows() == [tuple(row) for row in table]
    assert frame["_line"].to_list() == starts


@pytest.mark.parametrize(
    "header", ["id,name,price (UZS)", "id,name,Total,total", "id,name,ID", "id,NAME", "id,name,a=b"]
)
def test_a_header_no_table_can_hold_costs_its_file_only(tmp_path: Path, header: str) -> None:
    """One cash desk's export with a new column must not keep every other desk's sales away."""
    (tmp_path / "a.csv").write_bytes(f"{header}\n1,x{',5' * (header.count(',') - 1)}\n".encode())
    (tmp_path / "b.csv").write_bytes(b"id,name\n2,y\n")
    frame = rows(reading(tmp_path))
    assert frame["id"].to_list() == [None, "2"]
    assert frame["_problem"].to_list() == ["file.unreadable", None]
    assert header in frame["_raw"][0]


def test_a_name_no_table_can_hold_is_no_matter_where_unknown_columns_are_dropped(tmp_path: Path) -> None:
    """It goes anyway."""
    assert good(landed(tmp_path, b"id,name,price (UZS)\n1,x,5\n", unknown_columns="drop")) == [("1", "x", 2)]
