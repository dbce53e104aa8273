"""A real JSON API on a local port, with every paging style, authentication, and the faults APIs have.

    with Api(records=250) as api:
        api.then(throttled(after="1"), cut_short)       # the next two requests fail like this, then all is well
        … read api.url + "/page" …
        api.requests[0].path

Routes: /page /offset /cursor /next /link /single /search. Faults that last are attributes of the Api.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

Fault = Callable[["Handler", bytes], None]


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float


def order(number: int) -> dict[str, Any]:
    """One record of the API."""
    return {
        "id": number,
        "updated_at": f"2026-05-{number % 28 + 1:02d}T10:00:00.000001Z",
        "order_total": number + 0.25,
        "customer": {"name": f"c{number}", "city": "Nukus"},
        "paid": number % 2 == 0,
        "note": None if number % 3 else "",
    }


class Api:
    """The server, its records and what it was asked."""

    def __init__(self, records: int = 0) -> None:
        self.records: list[Any] = [order(n) for n in range(records)]
        self.requests: list[Request] = []
        self.faults: deque[Fault] = deque()
        self.every: Fault | None = None  # a fault that does not go away
        self.token: str | None = None  # the bearer token, basic credentials or API key that is asked for
        self.server_cap = 10_000  # the most records on a page, whatever is asked for
        self.told_total: int | None = None  # a total that is not the truth
        self.cursor = "honest"  # repeats | endless | empty
        self.clamps = False  # pages beyond the last are the last again
        self.drop_at_page: int | None = None  # the first record vanishes when this page is asked for
        self.next_host: str | None = None  # where next-page URLs lead
        self.gzips = False
        self.delay = 0.0
        self.peak = self._busy = 0
        self._lock = threading.Lock()

    def then(self, *faults: Fault) -> None:
        self.faults.extend(faults)

    def __enter__(self) -> Self:
        api = self

        class Bound(Handler):
            pass

        Bound.api = api
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def busy(self, change: int) -> None:
        with self._lock:
            self._busy += change
            self.peak = max(self.peak, self._busy)

    def answer(self, path: str, query: dict[str, str]) -> tuple[dict[str, Any] | list[Any], dict[str, str]]:
        """The body and the headers of a request that nothing is wrong with."""
        route = path.strip("/")
        size = min(int(query.get("limit", query.get("per_page", "100"))), self.server_cap)
        total = len(self.records) if self.told_total is None else self.told_total
        if route == "single":
            return {"data": {"items": self.records}}, {}
        if route == "search":  # rows of [since, until), as many APIs have it
            since, until = query.get("since", ""), query.get("until", "9999")
            return [r for r in self.records if since <= r["updated_at"] < until], {}
        if route == "page":
            page = int(query["page"])
            if page == self.drop_at_page:
                self.drop_at_page = None
                del self.records[0]
                total -= 1
            if self.clamps:
                page = min(page, max(1, -(-len(self.records) // size)))
            rows = self.records[(page - 1) * size : page * size]
            pages = -(-total // size)
            return {"data": {"items": rows}, "meta": {"total": total, "pages": pages}}, {}
        if route == "offset":
            at = int(query["offset"])
            return {"data": {"items": self.records[at : at + size]}, "meta": {"total": total}}, {}
        return self._chained(path, route, query, size)

    def _chained(
        self, path: str, route: str, query: dict[str, str], size: int
    ) -> tuple[dict[str, Any], dict[str, str]]:
        at = int(query.get("cursor", "0").partition("x")[0])
        rows = self.records[at : at + size]
        following: str | None = str(at + size) if at + size < len(self.records) else None
        if self.cursor == "repeats" and at:
            following = str(at)
        elif self.cursor in ("endless", "empty"):
            rows = [] if self.cursor == "empty" else self.records[:size]
            following = f"0x{len(self.requests)}"
        link = None
        if following is not None:
            host = self.next_host or f"127.0.0.1:{self.port}"
            link = f"http://{host}{path}?{urlencode({**query, 'cursor': following})}"
        if route == "link":
            prior = f'<http://127.0.0.1:{self.port}/link?a=1,2>; rel="prev", '
            return {"data": {"items": rows}}, {
                "Link": prior + (f'<{link}>; title="x, y"; rel="last next"' if link else "")
            }
        return {"data": {"items": rows}, "next": following if route == "cursor" else link}, {}


class Handler(BaseHTTPRequestHandler):
    api: Api
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # the client had enough: that is what some tests are about
            super().handle()

    def do_GET(self) -> None:
        api, parts = self.api, urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        api.requests.append(Request(parts.path, query, headers, time.monotonic()))
        api.busy(+1)
        try:
            time.sleep(api.delay)
            self._reply(parts.path, query, headers)
        finally:
            api.busy(-1)

    def _reply(self, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
        api = self.api
        if api.token and api.token not in (headers.get("authorization"), headers.get("x-key"), query.get("api_key")):
            self.send(401, b'{"error": "who are you"}')
            return
        document, extra = api.answer(path, query)
        body = json.dumps(document).encode()
        fault = api.faults.popleft() if api.faults else api.every
        if fault:
            fault(self, body)
        elif api.gzips:
            self.send(200, gzip.compress(body), {"Content-Encoding": "gzip", **extra})
        else:
            self.send(200, body, extra)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        """`length` other than the body's own is a lie; -1 leaves it out and closes the connection at the end."""
        self.send_response(status)
        headers = {"Content-Type": "application/json", **(headers or {})}
        if length == -1:
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(body) if length is None else length)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if length is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def status(code: int, body: bytes = b'{"error": "no"}', **headers: str) -> Fault:
    """Any status; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.send(code, body, named)


def throttled(after: str) -> Fault:
    return status(429, Retry_After=after)


def throttled_until(seconds: float) -> Fault:
    """429 with Retry-After as an HTTP date."""
    return lambda handler, _: handler.send(
        429, b"", {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)}
    )


def redirect(to: str, code: int = 302) -> Fault:
    return status(code, b"", Location=to)


def cut_short(handler: Handler, body: bytes) -> None:
    """Half the body, though Content-Length promises all of it."""
    handler.send(200, body[: len(body) // 2], length=len(body))


def cut_chunked(handler: Handler, body: bytes) -> None:
    """A chunked body without its last chunk."""
    half = body[: len(body) // 2]
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(half), half))


def cut_silently(handler: Handler, body: bytes) -> None:
    """Half the body and no Content-Length: to HTTP it is complete."""
    handler.send(200, body[: len(body) // 2], length=-1)


def cut_gzip(handler: Handler, body: bytes) -> None:
    """Half of a gzip stream, with a Content-Length to match."""
    packed = gzip.compress(body)
    handler.send(200, packed[: len(packed) // 2], {"Content-Encoding": "gzip"})


def many_members(handler: Handler, body: bytes) -> None:
    """One body in three gzip members: valid, and often read as the first of them."""
    third = len(body) // 3 + 1
    packed = b"".join(gzip.compress(body[i : i + third]) for i in range(0, len(body), third))
    handler.send(200, packed + b"\0" * 7, {"Content-Encoding": "gzip"})


def bomb(handler: Handler, body: bytes) -> None:
    """100 MB of spaces in 100 kB."""
    handler.send(200, gzip.compress(b" " * 100_000_000, 1), {"Content-Encoding": "gzip"})


def huge(handler: Handler, body: bytes) -> None:
    """More than anyone asked for, without saying how much."""
    handler.send(200, b"", length=-1)
    for _ in range(200):
        handler.wfile.write(b" " * 100_000)


def drip(handler: Handler, body: bytes) -> None:
    """A byte now and then: each read is in time, the body never ends."""
    handler.send(200, b"", length=len(body))
    for i in range(len(body)):
        handler.wfile.write(body[i : i + 1])
        time.sleep(0.05)


def drip_headers(handler: Handler, body: bytes) -> None:
    """The same before the body begins."""
    handler.close_connection = True
    for sign in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000:
        handler.wfile.write(bytes([sign]))
        time.sleep(0.05)


def hang_up(handler: Handler, body: bytes) -> None:
    """No answer at all."""
    handler.close_connection = True


def page_of_html(handler: Handler, body: bytes) -> None:
    """What a proxy sends in an API's place, with status 200."""
    handler.send(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
