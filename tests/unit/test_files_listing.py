"""Which files are seen, which wait, which are refused, and how they are shared out."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sluice.errors import Late, Misconfigured, Transient
from sluice.model.facts import Plan, Split
from sluice.sources.base import Reach
from sluice.sources.files.connector import Files, connect
from sluice.sources.files.names import fault, pattern
from tests.support.landing import contract, reading, rows, unconfigured


def drop(folder: Path, name: str, body: str = "id,name\n1,a\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)
    return path


def plan(files: Files, landed: dict[str, str] | None = None) -> Plan:
    return files.plan(None, (), lambda unit, version: (landed or {}).get(unit) == version)


def names(folder: Path, files: Files, landed: dict[str, str] | None = None) -> list[str]:
    return [unit.removeprefix(f"{folder}/") for split in plan(files, landed).splits for unit, _ in files.units(split)]


@pytest.mark.parametrize(
    ("glob", "matching"),
    [
        ("*", {"a.csv", "b.txt", "[x].csv"}),
        ("*.csv", {"a.csv", "[x].csv"}),
        ("**/*.csv", {"a.csv", "[x].csv", "2026/c.csv", "2026/05/d.csv"}),
        ("2026/*.csv", {"2026/c.csv"}),
        ("2026/**", {"2026/c.csv", "2026/05/d.csv"}),
        ("?.csv", {"a.csv"}),
        ("[!a-c]*.csv", {"[x].csv"}),
        ("[[]x].csv", {"[x].csv"}),
    ],
)
def test_a_glob_says_which_names_are_read(tmp_path: Path, glob: str, matching: set[str]) -> None:
    """One star stays in its folder: a glob that reads more than it says lands somebody else's files."""
    for name in ("a.csv", "b.txt", "[x].csv", "2026/c.csv", "2026/05/d.csv", ".hidden.csv", ".git/e.csv"):
        drop(tmp_path, name)
    files = reading(tmp_path, glob=glob)
    assert set(names(tmp_path, files)) == matching
    assert plan(files).notices == ()


def test_a_file_is_landed_once_and_a_changed_one_again(tmp_path: Path) -> None:
    """uri, etag and size: the whole ledger of a folder."""
    path, files = drop(tmp_path, "a.csv"), reading(tmp_path)
    (split,) = plan(files).splits
    seen = dict(files.units(split))
    assert split.unit == str(path)
    assert split.spec["version"] == seen[str(path)]
    assert plan(files, seen).splits == ()
    before = path.stat()
    path.write_text("id,name\n2,b\n")  # as long as before, and with the time put back, as rsync -t does
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert names(tmp_path, files, seen) == ["a.csv"]


def test_the_same_listing_makes_the_same_splits(tmp_path: Path) -> None:
    """Events come twice and runs start twice: the same work must be recognised as the same."""
    for i in range(5):
        drop(tmp_path, f"{i}.csv")
    files = reading(tmp_path, splits={"files": 2})
    first, second = plan(files).splits, plan(files).splits
    assert [split.as_dict() for split in first] == [split.as_dict() for split in second]
    assert len({split.id for split in first}) == 3


def test_splits_are_cut_by_number_and_by_size(tmp_path: Path) -> None:
    """A thousand small files are not a thousand tasks, and one big file does not wait for the small ones."""
    for i in range(4):
        drop(tmp_path, f"{i}.csv", "id,name\n" + "1,a\n" * (1000 if i == 2 else 1))
    files = reading(tmp_path, splits={"files": 10, "bytes": 100})
    assert [[unit[-5:] for unit, _ in files.units(split)] for split in plan(files).splits] == [
        ["0.csv", "1.csv"],
        ["2.csv"],
        ["3.csv"],
    ]
    assert plan(files).splits[0].unit is None
    assert plan(files).splits[0].label == "0.csv … 1.csv (2 files)"


def test_a_split_survives_the_way_through_json_and_reads_the_same(tmp_path: Path) -> None:
    """It travels to another worker as JSON, and may be read there more than once."""
    drop(tmp_path, "a.csv")
    drop(tmp_path, "b.csv", "id,name\n")
    files = reading(tmp_path)
    (split,) = plan(files).splits
    again = Split.from_dict(json.loads(json.dumps(split.as_dict())))
    other = reading(tmp_path)
    frames = [[(unit, frame.rows()) for frame in other.read_unit(again, unit)] for unit, _ in other.units(again)]
    assert frames == [
        [(f"{tmp_path}/a.csv", [("1", "a", f"{tmp_path}/a.csv", 2, None, None)])],
        [(f"{tmp_path}/b.csv", [])],
    ]


def test_a_growing_file_waits(tmp_path: Path) -> None:
    """Half a file read now is half a day's sales."""
    path = drop(tmp_path, "a.csv")
    clock = [datetime.fromtimestamp(path.stat().st_mtime, UTC) + timedelta(seconds=3)]
    reach = Reach(unconfigured, unconfigured, now=lambda: clock[0])
    files = connect(contract(str(tmp_path), stable_for="5s"), reach)
    assert plan(files).splits == ()
    (notice,) = plan(files).notices
    assert (notice.kind, notice.where) == ("waiting", str(path))
    assert re.fullmatch(r"it was changed 3\.\d s ago", notice.what)
    clock[0] += timedelta(seconds=3)
    assert names(tmp_path, files) == ["a.csv"]
    clock[0] -= timedelta(days=365)
    assert "a clock is wrong" in plan(files).notices[0].what


def test_a_file_waits_for_its_marker(tmp_path: Path) -> None:
    """Where the sender says when a file is complete, nothing else counts, and the marker is no data."""
    drop(tmp_path, "a.csv")
    drop(tmp_path, "a.csv.done", "")
    drop(tmp_path, "b.csv")
    for glob in ("*.csv", "*"):
        files = reading(tmp_path, glob=glob, manifest=".done")
        assert names(tmp_path, files) == ["a.csv"]
        assert [(n.kind, n.where) for n in plan(files).notices] == [("waiting", f"{tmp_path}/b.csv")]


def test_symlinks_pipes_and_unreadable_names_are_refused_and_said(tmp_path: Path) -> None:
    """A landing folder is written by others: a symlink in it must not read /etc/passwd into a table."""
    root, outside = tmp_path / "in", drop(tmp_path, "outside/secret.csv", "id,name\n1,secret\n")
    drop(root, "a.csv")
    (root / "b.csv").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    os.mkfifo(root / "c.csv")
    drop(root, "d\n.csv")
    Path(os.fsdecode(bytes(root) + b"/e\xff.csv")).write_text("id,name\n1,a\n")
    files = reading(root, glob="**/*")
    assert names(root, files) == ["a.csv"]
    refused = {notice.where.removeprefix(f"{root}/"): notice.what for notice in plan(files).notices}
    assert {notice.kind for notice in plan(files).notices} == {"refused"}
    assert refused == {
        "b.csv": "a file is left alone: it is a symlink",
        "folder": "a file is left alone: it is a symlink",
        "c.csv": "a file is left alone: it is not a regular file",
        "d\\n.csv": "a file is left alone: its name has a control character (U+000A)",
        "e\\udcff.csv": "a file is left alone: its name is not UTF-8",
    }


@pytest.mark.parametrize(
    "name", ["../outside.csv", "folder/../../outside.csv", "link.csv", "link/x.csv", "/etc/passwd"]
)
def test_a_split_cannot_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """A split is JSON that somebody may have touched; and a file may become a symlink after the listing."""
    root, outside = tmp_path / "in", drop(tmp_path, "outside.csv", "id,name\n1,secret\n")
    drop(root, "a.csv")
    drop(tmp_path, "elsewhere/x.csv")
    (root / "link.csv").symlink_to(outside)
    (root / "link").symlink_to(tmp_path / "elsewhere")
    uri = name if name.startswith("/etc") else f"{root}/{name}"
    split = Split("1", name, {"files": [{"uri": uri, "version": "x:1", "size": 1}]}, uri)
    (frame,) = reading(root).read(split)
    assert frame["_problem"].to_list() == ["file.unreadable"]
    assert "secret" not in str(frame.rows())


def test_a_file_that_changed_or_went_after_the_plan_is_a_problem_of_its_own(tmp_path: Path) -> None:
    """Its rows must not land under the old version; the other files of the split go on."""
    changed, gone = drop(tmp_path, "a.csv"), drop(tmp_path, "b.csv")
    drop(tmp_path, "c.csv")
    files = reading(tmp_path)
    (split,) = plan(files).splits
    changed.write_text("id,name\n1,other\n")
    gone.unlink()
    found = [frame.row(0, named=True) for frame in files.read(split)]
    assert [row["_problem"] for row in found] == ["file.unreadable", "file.unreadable", None]
    assert found[0]["_raw"] == "the file was changed between the listing and the reading"


def test_a_file_that_grows_while_it_is_read_is_not_taken_for_whole(tmp_path: Path) -> None:
    """The rows are out already, so the split fails as a whole and nothing of it is committed."""
    path, files = drop(tmp_path, "a.csv"), reading(tmp_path)
    (split,) = plan(files).splits
    frames = files.read(split)
    next(frames)
    with path.open("a") as file:
        file.write("2,b\n")
    with pytest.raises(Transient, match="changed while it was read"):
        next(frames)


def test_a_file_beyond_the_contracts_size_is_a_problem_and_not_read(tmp_path: Path) -> None:
    """Somebody drops a disk image into the folder."""
    drop(tmp_path, "a.csv", "id,name\n" + "1,a\n" * 1000)
    frame = rows(reading(tmp_path, max_bytes=100))
    assert frame["_raw"].to_list() == ["it has 4008 bytes, and the contract allows 100"]


def test_a_folder_that_is_not_there_is_worth_another_try() -> None:
    """An unmounted share looks like an empty folder, and must not be taken for one."""
    with pytest.raises(Transient, match="is it mounted"):
        plan(reading("/nowhere/at/all"))


def test_an_unknown_kind_of_place_is_the_contracts_fault() -> None:
    """Better now than as a folder called `ftp:`."""
    with pytest.raises(Misconfigured, match="cannot read ftp://"):
        reading("ftp://host/folder")


def test_probing_shows_the_first_rows_or_says_why_not(tmp_path: Path) -> None:
    """`sluice probe` is how a newcomer sees whether the contract fits."""
    with pytest.raises(Late, match="no file matches"):
        reading(tmp_path).probe()
    drop(tmp_path, "a.csv", "id,name\n" + "1,a\n" * 100)
    assert reading(tmp_path).probe(5).height == 5


CORPUS = os.environ.get("SLUICE_CORPORA")


@pytest.mark.skipif(not CORPUS, reason="SLUICE_CORPORA does not name the folder of corpora")
def test_naughty_strings_pass_unchanged_as_values_and_as_file_names(tmp_path: Path) -> None:
    """515 strings that broke other systems: byte for byte the same, or refused with a reason."""
    strings: list[str] = json.loads(Path(str(CORPUS), "naughty_strings/blns.json").read_text())
    quoted = "\n".join('{},"{}"'.format(i, s.replace('"', '""')) for i, s in enumerate(strings))
    (tmp_path / "values").mkdir()
    (tmp_path / "values/all.csv").write_text(f"id,name\n{quoted}\n", newline="")
    assert rows(reading(tmp_path / "values"))["name"].to_list() == strings
    usable = {s for s in strings if s and len(s.encode()) < 250 and not set(s) & set("/\0") and s.strip(".")}
    visible = {s for s in usable if not s.startswith(".")}
    for name in usable:
        drop(tmp_path, f"names/{name}")
    files = reading(tmp_path / "names")
    landed = set(rows(files)["_origin"].str.strip_prefix(f"{tmp_path}/names/"))
    assert landed == {s for s in visible if fault(s) is None}
    assert len(plan(files).notices) == len(visible) - len(landed)
    assert len(landed) > 300


def test_a_glob_is_no_regular_expression() -> None:
    """What is special in a regex and not in a glob stands for itself."""
    assert pattern("a+(b).csv").fullmatch("a+(b).csv")
    assert not pattern("a.csv").fullmatch("aXcsv")
