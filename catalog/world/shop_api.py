"""The online shop: a real HTTP server in a thread, with a token, pages, and bad moods on demand.

GET /v1/orders?updated_since=2026-05-01T00:00:00Z&page=2&per_page=500     Authorization: Bearer …
{"page": 2, "per_page": 500, "total": 1230, "orders": […]}
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import polars as pl

from catalog.world.wire import as_json_records

PATH = "/v1/orders"
MOST_PER_PAGE = 1000


class ShopApi:
    """`put` adds orders; `down` answers 503; `throttle` answers the next requests with 429."""

    def __init__(self, token: str, port: int = 0) -> None:
        self.token = token
        self.down = False
        self.requests = 0
        self._throttled = 0
        self._retry_after = 1
        self._orders: pl.DataFrame | None = None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="shop-api", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, orders: pl.DataFrame) -> None:
        """Orders on the wire (text columns); shown by updated_at, then number."""
        moment = pl.col("updated_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC")
        fresh = orders.with_columns(_at=moment)
        with self._lock:
            every = fresh if self._orders is None else pl.concat([self._orders, fresh])
            self._orders = every.sort("_at", "order_id", nulls_last=True, maintain_order=True)

    def throttle(self, times: int, retry_after: int = 1) -> None:
        with self._lock:
            self._throttled, self._retry_after = times, retry_after

    def orders(self) -> pl.DataFrame:
        """All that the shop would show, as text; empty before the first `put`."""
        with self._lock:
            return pl.DataFrame() if self._orders is None else self._orders.drop("_at")

    def latest(self) -> datetime | None:
        """The newest change, leaving out those that claim to be of the future."""
        with self._lock:
            if self._orders is None:
                return None
            at = self._orders["_at"]
        latest: datetime | None = at.filter(at < datetime.now(UTC)).max()  # type: ignore[assignment]
        return latest

    def page(self, since: datetime | None, page: int, per_page: int) -> tuple[int, str]:
        """How many orders there are since, and the page's as JSON."""
        with self._lock:
            orders = self._orders
        if orders is None:
            return 0, "[]"
        if since is not None:
            orders = orders.filter(pl.col("_at") >= since)
        return orders.height, as_json_records(orders.slice((page - 1) * per_page, per_page))

    def turn(self) -> int | None:
        """Counts a request; the seconds to wait, if this one is to be throttled."""
        with self._lock:
            self.requests += 1
            if not self._throttled:
                return None
            self._throttled -= 1
            return self._retry_after

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _handler(shop: ShopApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wait = shop.turn()
            asked = urlsplit(self.path)
            if shop.down:
                self._say(503, {"error": "closed for maintenance"})
            elif wait is not None:
                self._say(429, {"error": "too many requests"}, {"Retry-After": str(wait)})
            elif self.headers.get("Authorization") != f"Bearer {shop.token}":
                self._say(401, {"error": "no valid token"}, {"WWW-Authenticate": "Bearer"})
            elif asked.path != PATH:
                self._say(404, {"error": f"only {PATH} is here"})
            else:
                self._orders({name: values[-1] for name, values in parse_qs(asked.query).items()})

        def _orders(self, query: dict[str, str]) -> None:
            try:
                since = _instant(query.get("updated_since", ""))
                page, per_page = int(query.get("page", 1)), int(query.get("per_page", 100))
                if page < 1 or not 1 <= per_page <= MOST_PER_PAGE:
                    raise ValueError(f"page is at least 1, per_page at most {MOST_PER_PAGE}")
            except ValueError as error:
                self._say(400, {"error": str(error)})
                return
            total, records = shop.page(since, page, per_page)
            head = json.dumps({"page": page, "per_page": per_page, "total": total})
            self._send(200, f'{head[:-1]}, "orders": {records}}}'.encode())

        def _say(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            self._send(status, json.dumps(body).encode(), headers)

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silent: the demo's screen belongs to the pipeline."""

    return Handler


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
