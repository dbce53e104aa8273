"""What real APIs do wrong, done by a real server: each fault has a declared outcome, and none loses a record."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from sluice.errors import Broken, SluiceError, Transient
from tests.support import api as faults
from tests.support.api import Api
from tests.support.api_source import PAGES, SECRET, ids, landed, reading


@pytest.fixture
def api() -> Iterator[Api]:
    with Api(records=30) as running:
        yield running


def failing(api: Api, **overrides: object) -> SluiceError:
    with pytest.raises(SluiceError) as caught:
        landed(reading(api.url, **overrides))
    return caught.value


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500), faults.status(503), faults.status(408), faults.hang_up, faults.throttled("0"),
        faults.cut_short, faults.cut_chunked, faults.cut_silently, faults.cut_gzip,
    ],
)  # fmt: skip
def test_a_passing_fault_is_retried_and_nothing_is_lost(api: Api, fault: faults.Fault) -> None:
    """Half a body counts as no body: httpx called 25,113 of 50,000 lines a success."""
    api.then(fault)
    assert ids(landed(reading(api.url))) == list(range(30))
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.status(502), "source.unreachable"),
        (faults.hang_up, "source.unreachable"),
        (faults.cut_short, "source.protocol"),
        (faults.cut_chunked, "source.protocol"),
        (faults.cut_silently, "source.protocol"),
        (faults.cut_gzip, "source.protocol"),
        (faults.throttled("0"), "source.throttled"),
    ],
)
def test_a_lasting_fault_ends_after_the_attempts(api: Api, fault: faults.Fault, code: str) -> None:
    """The task above retries too: this layer must stop where the contract says."""
    api.every = fault
    error = failing(api)
    assert (type(error), error.code, error.facts["attempts"]) == (Transient, code, 3)
    assert len(api.requests) == 3
    assert error.where == f"{api.url}/single"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.status(401), "source.unauthorised"),
        (faults.status(403), "source.unauthorised"),
        (faults.status(404), "source.rejected"),
        (faults.status(422), "source.rejected"),
        (faults.page_of_html, "source.protocol"),
        (faults.status(200, b'{"data": {"items": [{"id": 1,}]}}'), "source.protocol"),
        (faults.status(200, b"[]", Content_Encoding="br"), "source.protocol"),
        (faults.status(206, b"[]"), "source.protocol"),
        (faults.bomb, "source.too_large"),
        (faults.huge, "source.too_large"),
    ],
)
def test_a_fault_that_stays_is_not_retried(api: Api, fault: faults.Fault, code: str) -> None:
    """A 405 was once asked 5,363 times: asking again does not mend it."""
    api.every = fault
    error = failing(api, max_body=1_000_000)
    assert (type(error), error.code) == (Broken, code)
    assert len(api.requests) == 1


def test_the_api_s_own_words_are_in_the_error(api: Api) -> None:
    """`400` alone sends people to the API's logs, which they do not have."""
    api.every = faults.status(400, b'{"error": "since must be a date"}')
    assert "since must be a date" in str(failing(api))


def test_html_in_json_s_place_is_called_by_its_name(api: Api) -> None:
    """A login page with status 200 is the proxy's doing, and the message should say so."""
    api.every = faults.page_of_html
    assert "sent as text/html" in str(failing(api))
    assert "byte 0" in str(failing(api))


def test_retry_after_in_seconds_is_honoured(api: Api) -> None:
    """Coming back sooner is what gets a client banned."""
    api.then(faults.throttled("1"))
    landed(reading(api.url))
    assert 1 <= api.requests[1].at - api.requests[0].at < 2


def test_retry_after_as_a_date_is_honoured(api: Api) -> None:
    """The header's other form; read as a number it is no number, and ignored."""
    api.then(faults.throttled_until(2))
    landed(reading(api.url))
    assert 0.9 <= api.requests[1].at - api.requests[0].at < 3


def test_a_retry_after_beyond_the_deadline_is_handed_on(api: Api) -> None:
    """Whoever schedules the task can wait an hour; a worker's slot should not."""
    api.then(faults.throttled("3600"))
    begun = time.monotonic()
    error = failing(api, deadline="5s")
    assert isinstance(error, Transient)
    assert (error.code, error.retry_after) == ("source.throttled", 3600)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("fault", [faults.drip, faults.drip_headers])
def test_one_deadline_holds_against_a_drip(api: Api, fault: faults.Fault) -> None:
    """A time-out per read never strikes while a byte comes now and then: httpx waited 39.8 s at timeout=2."""
    api.every = fault
    begun = time.monotonic()
    error = failing(api, deadline="1s", timeout="500ms")
    assert time.monotonic() - begun < 1.8
    assert (type(error), error.code) == (Transient, "source.unreachable")
    assert "deadline of 1s" in error.what


def test_a_silent_server_meets_the_time_out(api: Api) -> None:
    """A connection that is open and dead is the commonest hang."""
    api.delay = 3
    begun = time.monotonic()
    error = failing(api, timeout="300ms", retry={"attempts": 1})
    assert time.monotonic() - begun < 1.5
    assert (type(error), error.code) == (Transient, "source.unreachable")


def test_a_gzip_of_many_members_is_read_whole(api: Api) -> None:
    """httpx reads the first member and calls it all."""
    api.every = faults.many_members
    assert ids(landed(reading(api.url))) == list(range(30))


def test_gzip_is_asked_for_and_read(api: Api) -> None:
    """JSON shrinks tenfold."""
    api.gzips = True
    assert ids(landed(reading(api.url))) == list(range(30))
    assert api.requests[0].headers["accept-encoding"] == "gzip"


def test_no_content_is_no_records(api: Api) -> None:
    """Some APIs say 204 for an interval without data."""
    api.every = faults.status(204, b"")
    assert landed(reading(api.url)).height == 0
    assert reading(api.url).probe().height == 0


def test_a_redirect_within_the_host_is_followed(api: Api) -> None:
    """APIs move their paths."""
    api.then(faults.redirect("/page?page=1"))
    assert ids(landed(reading(api.url))) == list(range(30))


def test_a_redirect_to_another_host_is_refused(api: Api) -> None:
    """A redirect must not carry our requests, nor our credentials, to a host nobody agreed to."""
    with Api(records=1) as other:
        api.then(faults.redirect(f"{other.url}/single"))
        error = failing(api, auth={"type": "bearer", "secret": "token"})
        assert (type(error), error.code) == (Broken, "source.moved")
        assert str(other.port) in error.what
        assert other.requests == []


def test_credentials_stay_at_home_when_an_allowed_host_is_followed(api: Api) -> None:
    """The contract allows a host to be read from, not to be told our token."""
    with Api(records=3) as other:
        api.then(faults.redirect(f"{other.url}/single"))
        auth = {"type": "bearer", "secret": "token"}
        assert ids(landed(reading(api.url, auth=auth, hosts=[f"127.0.0.1:{other.port}"]))) == [0, 1, 2]
        assert api.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        assert "authorization" not in other.requests[0].headers


def test_a_redirect_in_a_circle_ends(api: Api) -> None:
    """A login loop is the usual reason."""
    api.every = faults.redirect("/single")
    error = failing(api)
    assert (type(error), error.code) == (Broken, "source.protocol")
    assert len(api.requests) == 5


def test_a_next_page_on_another_host_is_refused(api: Api) -> None:
    """A next-page URL is a redirect by another name."""
    api.next_host = "evil.test"
    error = failing(api, path="next", paging={"type": "next_url", "next": "next"}, params={"limit": 10})
    assert (type(error), error.code) == (Broken, "source.moved")
    assert "evil.test" in error.what


def test_a_private_address_is_refused_unless_the_contract_says_so(api: Api) -> None:
    """A source must not become a door into our own network."""
    for url in (api.url, api.url.replace("127.0.0.1", "localhost")):
        error = failing(api, base_url=url, private_hosts=False)
        assert (type(error), error.code) == (Broken, "source.moved")
        assert "private address" in error.what
    assert api.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "https"])
def test_a_host_that_cannot_be_reached_is_transient(api: Api, url: str) -> None:
    """Refused, unknown or no TLS: all are often mended by time."""
    error = failing(api, base_url=api.url.replace("http", "https") if url == "https" else url)
    assert (type(error), error.code) == (Transient, "source.unreachable")


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "bearer", "secret": "token"},
        {"type": "basic", "username": "me", "secret": "token"},
        {"type": "api_key", "header": "X-Key", "secret": "token"},
        {"type": "api_key", "param": "api_key", "secret": "token"},
    ],
)
def test_every_kind_of_auth_works_and_no_secret_shows(
    api: Api, auth: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """A canary in the credentials must not be found in rows, logs, errors or reprs."""
    caplog.set_level(logging.DEBUG)
    api.token = {"bearer": f"Bearer {SECRET}", "basic": "Basic bWU6Y2FuYXJ5LzUrNT0xMA=="}.get(auth["type"], SECRET)
    connector = reading(api.url, **PAGES, auth=auth, splits={"pages": 1})
    api.then(faults.status(503))
    frame = landed(connector)
    assert ids(frame) == list(range(30))
    echo = faults.status(400, f"bad key {SECRET} in /?api_key=canary%2F5%2B5%3D10 {api.token}".encode())
    api.every = echo
    error = failing(api, **PAGES, auth=auth)
    shown = [frame.write_json(), caplog.text, repr(connector), str(error), repr(error), repr(error.as_dict())]
    assert "503" in caplog.text
    assert "bad key ***" in str(error)
    for text in shown:
        assert "canary" not in text
        assert "bWU6Y2Fu" not in text


def test_a_wrong_secret_is_unauthorised(api: Api) -> None:
    """The remedy is another one than for a wrong request."""
    api.token = "Bearer another"
    error = failing(api, auth={"type": "bearer", "secret": "token"})
    assert (type(error), error.code) == (Broken, "source.unauthorised")


def test_the_rate_is_kept(api: Api) -> None:
    """Ten requests a second: four take three pauses of 100 ms. Single pauses vary with the machine's load."""
    paging = {"type": "offset", "size": 10}
    landed(reading(api.url, path="offset", paging=paging, limits={"rate": "10/s"}))
    times = [request.at for request in api.requests]
    assert len(times) == 4
    assert times[-1] - times[0] > 0.2


def test_concurrency_is_kept_over_all_readers_of_a_source(api: Api) -> None:
    """Splits run in parallel threads; what the source can bear is for all of them together."""
    api.delay = 0.02
    paging = {"type": "page", "size": 2, "total": "meta.total"}
    connector = reading(api.url, path="page", paging=paging, splits={"pages": 3}, limits={"concurrency": 2})
    splits = connector.plan(None, (), lambda unit, version: False).splits
    with ThreadPoolExecutor(5) as pool:
        frames = [frame for part in pool.map(lambda split: list(connector.read(split)), splits) for frame in part]
    assert ids(pl.concat(frames)) == list(range(30))
    assert api.peak == 2
