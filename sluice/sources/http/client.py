"""Asks an API for one page, and keeps asking as long as that is worth while.

The only retries of this layer are here: each is for a Transient, after Retry-After or a jittered exponential
backoff, within the split's deadline. One client belongs to one read and one thread: cancelled or shared clients
leak connections in httpcore.

httpcore is the transport inside httpx. Used directly it costs half the CPU (0.28 against 0.50 s for 1,000 pages of
86 kB), and the network below it can be ours (see `net.py`).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import httpcore

from sluice.errors import Broken, Transient
from sluice.model.source import HttpSource
from sluice.sources.http.auth import Credentials
from sluice.sources.http.body import cut_short, read_body
from sluice.sources.http.classify import Answer, classify
from sluice.sources.http.limits import turnstile
from sluice.sources.http.net import Deadline, Network
from sluice.sources.http.url import Hosts, follow, shown, with_params
from sluice.sources.json_rows import Document
from sluice.sources.json_shape import Reader

log = logging.getLogger(__name__)
_REDIRECTS = (301, 302, 303, 307, 308)
_HOPS = 5


class Client:
    """GETs within a contract's limits. Use as a context manager, for one split."""

    def __init__(self, source: HttpSource, base: str, secret: Callable[[str], str]) -> None:
        self._source = source
        self._hosts = Hosts(base, source.hosts)
        self._credentials = Credentials(source.auth, secret)
        self._turnstile = turnstile(source.source, source.limits.concurrency, source.limits.rate)
        self._reader = Reader(source.records)
        self.deadline = Deadline(source.deadline.total_seconds())
        self._pool = httpcore.ConnectionPool(
            max_connections=4,
            keepalive_expiry=30,
            network_backend=Network(self.deadline, source.private_hosts),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.close()

    def shown(self, url: str) -> str:
        """The URL as it may stand in logs, errors and `_origin`."""
        return self._credentials.scrub(shown(url, self._credentials.params))

    def get(self, url: str) -> tuple[Answer, Document]:
        """The 2xx answer to a GET and its JSON, after at most `retry.attempts` tries."""
        retry = self._source.retry
        for attempt in range(1, retry.attempts + 1):
            try:
                answer = self._follow(url)
                return answer, _document(answer, self._reader)
            except Transient as error:
                wait = error.retry_after
                if wait is None:
                    longest = min(retry.cap.total_seconds(), retry.first.total_seconds() * 2 ** (attempt - 1))
                    wait = longest * random.uniform(0.5, 1)
                if attempt == retry.attempts or wait >= self.deadline.left():
                    error.facts["attempts"] = attempt
                    raise
                log.warning("%s; try %d of %d in %.1fs", error, attempt + 1, retry.attempts, wait)
                time.sleep(wait)
        raise AssertionError("retry.attempts is at least 1")

    def _follow(self, url: str) -> Answer:
        sent_by = self.shown(url)
        for _ in range(_HOPS):
            answer = self._once(self._hosts.check(url, sent_by))
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                if 200 <= answer.status < 300 and answer.status != 206:
                    return answer
                raise classify(answer)
            sent_by, url = answer.where, follow(url, location)
        raise Broken("source.protocol", f"more than {_HOPS} redirects", sent_by, "ask the source's owner")

    def _once(self, url: str) -> Answer:
        where = self.shown(url)
        headers = {"accept": "application/json", "user-agent": "sluice"}
        headers |= {name.lower(): value for name, value in self._source.headers.items()}
        headers["accept-encoding"] = "gzip"
        sent = url
        if self._hosts.is_home(url):
            headers |= {name.lower(): value for name, value in self._credentials.headers.items()}
            sent = with_params(url, self._credentials.params)
        with self._turnstile.one(self.deadline):
            try:
                answer, body = self._exchange(sent, headers, where)
            except Transient as error:
                error.where = error.where or where
                raise
            except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
                self.deadline.clip(None)  # past the deadline, that is what happened
                raise classify(error, where) from error
        return replace(answer, body=body, url=url)

    def _exchange(self, url: str, headers: dict[str, str], where: str) -> tuple[Answer, bytes]:
        seconds = self._source.timeout.total_seconds()
        timeouts = {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}
        with self._pool.stream("GET", url, headers=list(headers.items()), extensions={"timeout": timeouts}) as response:
            answer = Answer(response.status, _joined(response.headers), where=where)
            encoding = answer.headers.get("content-encoding", "")
            if response.status >= 300:  # its status is what matters: a glimpse of the body is enough
                glimpse = b"" if encoding else next(response.iter_stream(), b"")
                return answer, self._credentials.scrub(glimpse.decode("utf-8", "replace")).encode()
            length = answer.headers.get("content-length", "")
            if length.isdigit() and int(length) > self._source.max_body:
                what = f"a body of {int(length):,} bytes; the contract allows {self._source.max_body:,}"
                raise Broken("source.too_large", what, where, "ask for smaller pages, or raise `max_body`")
            try:
                return answer, read_body(response.iter_stream(), encoding, self._source.max_body, where)
            except httpcore.RemoteProtocolError as error:  # short of its Content-Length, or of its last chunk
                raise cut_short(str(error), where) from error


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def _document(answer: Answer, reader: Reader) -> Document:
    """The body as JSON. One that ends early although HTTP calls it complete is Transient: without a Content-Length
    nobody else notices."""
    if answer.status == 204:
        return Document(b"", None, answer.where, "source.protocol")
    try:
        return reader.parse(answer.body, answer.where)
    except Broken as error:
        if error.facts.get("cut_short"):
            raise Transient(error.code, error.what, error.where, error.remedy, **error.facts) from error
        kind = answer.headers.get("content-type", "no content-type")
        if "json" in kind:
            raise
        raise Broken(error.code, f"{error.what}, sent as {kind}", error.where, error.remedy, **error.facts) from error
