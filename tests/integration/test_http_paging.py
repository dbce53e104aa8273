"""Every paging style against a real server: all records once, or an error that says why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sluice.errors import Broken, Transient
from tests.support.api import Api, order
from tests.support.api_source import PAGES, ids, landed, reading

STYLES: dict[str, dict[str, Any]] = {
    "single": {"path": "single"},
    "page": {"path": "page", "paging": {"type": "page", "size": 10}},
    "page with a total": PAGES,
    "page with a number of pages": {
        "path": "page",
        "paging": {"type": "page", "size": 10, "total_pages": "meta.pages"},
    },
    "offset": {"path": "offset", "paging": {"type": "offset", "size": 10}},
    "offset with a total": {"path": "offset", "paging": {"type": "offset", "size": 10, "total": "meta.total"}},
    "cursor": {"path": "cursor", "paging": {"type": "cursor", "next": "next", "size": 10, "size_param": "limit"}},
    "next url": {"path": "next", "paging": {"type": "next_url", "next": "next"}, "params": {"limit": 10}},
    "link": {"path": "link", "paging": {"type": "link"}, "params": {"limit": 10}},
}


@pytest.fixture
def api() -> Iterator[Api]:
    with Api(records=0) as running:
        yield running


def with_records(api: Api, count: int) -> Api:
    api.records = [order(n) for n in range(count)]
    return api


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 55])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_reads_every_record_once(api: Api, style: str, count: int) -> None:
    """The edges are where paging goes wrong: no page, one record, a page that is just full."""
    connector = reading(with_records(api, count).url, **STYLES[style], splits={"pages": 2})
    assert ids(landed(connector)) == list(range(count))


@pytest.mark.parametrize("style", ["page", "page with a total", "offset", "offset with a total"])
def test_a_server_that_caps_its_pages_loses_nothing(api: Api, style: str) -> None:
    """Taking a short page for the last one read 7 of 55 records here."""
    with_records(api, 55).server_cap = 7
    connector = reading(api.url, **STYLES[style], splits={"pages": 3})
    assert ids(landed(connector)) == list(range(55))


def test_a_known_total_is_cut_into_page_ranges(api: Api) -> None:
    """Ranges are read in parallel on other workers, each again on its own after a failure."""
    connector = reading(with_records(api, 55).url, **PAGES, splits={"pages": 2})
    plan = connector.plan(None, (), lambda unit, version: False)
    assert len(api.requests) == 1, "planning costs one request"
    assert [split.label for split in plan.splits] == ["full, part 1 of 3", "full, part 2 of 3", "full, part 3 of 3"]
    assert {split.unit for split in plan.splits} == {"full"}
    for _ in range(2):  # read again, the same
        (frame,) = connector.read(plan.splits[1])
        assert ids(frame) == list(range(20, 40))


def test_rows_that_arrive_after_planning_are_read_by_the_last_range(api: Api) -> None:
    """A busy API grows while it is read; that is no reason to fail, nor to miss the new rows."""
    connector = reading(with_records(api, 55).url, **PAGES, splits={"pages": 2})
    plan = connector.plan(None, (), lambda unit, version: False)
    api.records += [order(n) for n in range(55, 95)]
    assert [n for split in plan.splits for frame in connector.read(split) for n in ids(frame)] == list(range(95))


@pytest.mark.parametrize("told", [54, 56, 200])
def test_a_wrong_total_is_an_error(api: Api, told: int) -> None:
    """Fewer records than promised is a silent loss anywhere else."""
    with_records(api, 55).told_total = told
    with pytest.raises(Transient, match="page drift") as caught:
        landed(reading(api.url, **PAGES))
    assert caught.value.code == "source.protocol"


@pytest.mark.parametrize("pages", [1, 50])
def test_a_record_that_vanishes_between_two_pages_is_page_drift(api: Api, pages: int) -> None:
    """Deleting a record on page 1 moves one from page 3 to page 2, which has been read: it would be lost."""
    connector = reading(with_records(api, 55).url, **PAGES, splits={"pages": pages})
    plan = connector.plan(None, (), lambda unit, version: False)
    api.drop_at_page = 3
    with pytest.raises(Transient, match="the total fell from 55 to 54"):
        [list(connector.read(split)) for split in plan.splits]
    assert ids(landed(connector)) == list(range(1, 55)), "planned anew, all that is there is read"


@pytest.mark.parametrize("style", ["cursor", "next url", "link"])
def test_a_repeated_cursor_is_an_error(api: Api, style: str) -> None:
    """A bug of this kind read the same page for a night."""
    with_records(api, 55).cursor = "repeats"
    with pytest.raises(Broken, match="the cursor repeats"):
        landed(reading(api.url, **STYLES[style]))
    assert len(api.requests) < 5


@pytest.mark.parametrize("style", ["cursor", "next url", "link"])
@pytest.mark.parametrize(("fault", "says"), [("endless", "repeats the page before"), ("empty", "empty pages in a row")])
def test_an_endless_cursor_is_an_error(api: Api, style: str, fault: str, says: str) -> None:
    """A cursor that is always new and always leads to the same, or to nothing, never repeats itself."""
    with_records(api, 55).cursor = fault
    with pytest.raises(Broken, match=says):
        landed(reading(api.url, **STYLES[style]))
    assert len(api.requests) < 110


def test_a_server_that_repeats_its_last_page_is_an_error(api: Api) -> None:
    """Without a total, pages beyond the end must be empty; some APIs send the last one again, for ever."""
    with_records(api, 55).clamps = True
    with pytest.raises(Broken, match="page 7 repeats the page before"):
        landed(reading(api.url, **STYLES["page"]))


def test_a_server_that_ignores_the_page_size_is_an_error(api: Api) -> None:
    """Numbers of pages mean nothing when the pages have another size than we think."""
    with_records(api, 55)
    paging = {"type": "page", "size": 5, "size_param": "strange", "total": "meta.total"}
    with pytest.raises(Broken, match="a page of 55 records, though 5 were asked for"):
        landed(reading(api.url, path="page", paging=paging))


def test_a_total_that_is_not_there_is_named(api: Api) -> None:
    """A renamed field would otherwise switch the counting off."""
    paging = {"type": "page", "size": 10, "total": "meta.count"}
    with pytest.raises(Broken, match=r"no count at 'meta\.count'"):
        landed(reading(with_records(api, 5).url, path="page", paging=paging))


def test_chunks_are_bounded_and_pages_keep_their_origin(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory depends on the chunk, not on the number of pages; each row says where it came from."""
    monkeypatch.setattr("sluice.sources.http.connector._CHUNK_ROWS", 20)
    connector = reading(with_records(api, 55).url, **STYLES["cursor"])
    (split,) = connector.plan(None, (), lambda unit, version: False).splits
    frames = list(connector.read(split))
    assert [frame.height for frame in frames] == [20, 20, 15]
    assert frames[0]["_origin"].unique(maintain_order=True).to_list() == [
        f"{api.url}/cursor?limit=10",
        f"{api.url}/cursor?limit=10&cursor=10",
    ]
    assert frames[0]["_line"].to_list() == [*range(1, 11), *range(1, 11)]
