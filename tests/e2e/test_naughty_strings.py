"""The big list of naughty strings: what others wrote comes through byte by byte, or is refused with a reason."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sluice.errors import Broken
from sluice.steps import landing
from tests.support.catalogs import write
from tests.support.landing import contract, reading, rows
from tests.support.prefect import Server
from tests.support.site import Site

CORPORA = os.environ.get("SLUICE_CORPORA")
pytestmark = pytest.mark.skipif(CORPORA is None, reason="SLUICE_CORPORA does not name the folder of bad inputs")

SOURCE = """\
    source: notes
    description: Whatever people typed.
    owner: tests
    kind: files
    connection: notes
    glob: "*"
    format: csv
    stable_for: 0s
    position: {mode: files}
    event_time: day
    key: [id]
    columns:
      id:   {type: int64, nullable: false}
      day:  {type: date, nullable: false}
      text: {type: string}
"""
PRODUCT = """\
    product: echo
    title: Notes by day
    description: The notes as they came.
    owners: {platform: tests, business: tests}
    tags: [tests]
    schedule: {cron: "0 6 * * *", timezone: UTC, start: 2026-05-01}
    inputs:
      notes: {source: notes}
    output:
      key: [id]
      interval: day
      columns:
        id:   {type: int64, nullable: false}
        day:  {type: date, nullable: false}
        text: {type: string}
    gate:
      - {id: G1, expect: expect_table_row_count_to_be_between, with: {min_value: 1}}
    freshness: {by: "07:30"}
    alerts: {route: tests}
"""
TRANSFORM = """\
    def echo(notes):
        return notes.select("id", "day", "text")
"""


@pytest.fixture(scope="module")
def naughty() -> list[str]:
    found: list[str] = json.loads(Path(CORPORA or "", "naughty_strings", "blns.json").read_text(encoding="utf-8"))
    return list(dict.fromkeys(found))


@pytest.fixture
def notes(prefect_server: Server, tmp_path: Path) -> Site:
    """A catalog of one source and one product, which hands on what it gets."""
    write(tmp_path / "catalog" / "sources" / "notes" / "source.yaml", SOURCE)
    write(tmp_path / "catalog" / "products" / "echo" / "contract.yaml", PRODUCT)
    write(tmp_path / "catalog" / "products" / "echo" / "transform.py", TRANSFORM)
    (tmp_path / "drop").mkdir()
    settings = {
        "SLUICE_LAKE": str(tmp_path / "lake"), "SLUICE_CATALOG": str(tmp_path / "catalog"),
        "SLUICE_CONNECTIONS__NOTES": str(tmp_path / "drop"),
    }  # fmt: skip
    return Site(tmp_path, {**prefect_server.environment, **settings})


def drop(site: Site, name: str, header: list[str], lines: list[list[Any]]) -> None:
    with (site.folder / "drop" / name).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, quoting=csv.QUOTE_ALL)
        out.writerow(header)
        out.writerows(lines)


def test_as_values_they_reach_gold_byte_by_byte(notes: Site, naughty: list[str]) -> None:
    """A pipeline that trims, unescapes or normalises on the way has changed somebody's name."""
    drop(notes, "notes.csv", ["id", "day", "text"], [[n, "2026-05-01", text] for n, text in enumerate(naughty)])
    assert notes.sluice("run", "echo", "--for", "2026-05-01").code == 0
    gold = notes.rows("gold", "echo").sort("id")
    assert [text.encode() for text in gold["text"]] == [text.encode() for text in naughty]


def test_as_file_names_they_are_read_or_left_with_a_reason(notes: Site, naughty: list[str]) -> None:
    """A name is data: it must not lead out of the folder, end the run, or come out as another name."""
    names = [n for n in naughty if "/" not in n and n.strip(".") and len(n.encode()) <= 255 and not n.startswith(".")]
    for number, name in enumerate(names):
        drop(notes, name, ["id", "day", "text"], [[number, "2026-05-01", name]])
    result = notes.sluice("run", "echo", "--for", "2026-05-01", "--json")
    assert result.code == 0, result.out
    gold = dict(notes.rows("gold", "echo").select("id", "text").iter_rows())
    origins = {Path(origin).name for origin in notes.rows("bronze", "notes")["_origin"]}
    read = [name for number, name in enumerate(names) if gold.get(number) == name]
    assert set(read) <= origins
    noticed = notes.commits("bronze", "notes")[0]["notices"]
    left = [notice for notice in noticed if notice["what"].startswith("a file is left alone: ")]
    assert len(read) + len(left) == len(names)
    assert len(read) > 0.9 * len(names)


def test_as_column_names_they_are_kept_or_refused_with_a_reason(notes: Site, naughty: list[str]) -> None:
    """A table that cannot hold a name must say so before anything is written, and say which name it was."""
    kept = []
    for number, name in enumerate(filter(None, naughty)):  # without a name it is known by its place
        refusal = refused(notes.folder / f"column-{number}", name)
        if refusal is None:
            kept.append(name)
        elif isinstance(refusal, Broken):
            assert refusal.code == "contract.unknown_column"
            assert repr(name) in refusal.what
    assert len(kept) > 200
    kept = list({name.lower(): name for name in kept}.values())  # those that differ by case only are refused together
    drop(notes, "notes.csv", ["id", "day", "text", *kept], [[1, "2026-05-01", "x", *kept]])
    result = notes.sluice("run", "echo", "--for", "2026-05-01")
    assert result.code == 0, result.err
    for layer in ("bronze", "silver"):
        assert notes.rows(layer, "notes").select(kept).row(0) == tuple(kept)


def refused(folder: Path, name: str) -> Broken | str | None:
    """Why a file with a column of this name does not land: an error, or the problem of its row."""
    folder.mkdir()
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["id", "name", name], [1, "x", "y"]])
    try:
        frame, _ = landing.conform(rows(reading(folder)), contract(str(folder)), "batch", datetime.now(UTC))
    except Broken as error:
        return error
    problem: str | None = frame["_problem"][0]
    assert problem is not None or name in frame.columns
    return problem
