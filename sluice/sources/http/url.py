"""URLs of an API: which hosts may be asked, and how a URL is shown without its secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from sluice.errors import Broken

_PORTS = {"http": 80, "https": 443}
_SECRET = re.compile(r"(key|token|secret|sig|signature|password|passwd|pwd|auth|credential)s?$", re.IGNORECASE)
_SAFE = "/%:@!$&'()*+,;=~-._"


class Hosts:
    """The base URL's host and those the contract lists, as `name` or `name:port`.

    A name without a port allows the default ports and the base URL's own. Every redirect and every next-page URL
    is checked: an API that is broken into must not be able to send our credentials, or our requests, elsewhere.
    """

    def __init__(self, base: str, extra: Iterable[str] = ()) -> None:
        self.base = _split(base, base)
        own = _port(self.base)
        self._allowed: set[tuple[str, int]] = set()
        for entry in [self.base.hostname or "", *extra]:
            name, colon, port = entry.rpartition(":")
            if colon and port.isdigit() and ":" not in name.strip("[]"):
                self._allowed.add((_ascii(name), int(port)))
            else:
                self._allowed |= {(_ascii(entry.strip("[]")), number) for number in (own, 80, 443)}

    def check(self, url: str, sent_by: str = "") -> str:
        """The URL, ready to be asked for; Broken when the contract does not allow its host."""
        parts = _split(url, sent_by)
        if self.base.scheme == "https" and parts.scheme == "http":
            raise Broken(
                "source.moved", f"sent us from https to {shown(url)}", sent_by, "the source must stay on https"
            )
        host, port = _ascii(parts.hostname), _port(parts)
        if (host, port) not in self._allowed:
            remedy = f"if that is right, add '{host}:{port}' to `hosts`"
            raise Broken("source.moved", f"sent us to {host}:{port}", sent_by, remedy)
        return urlunsplit((parts.scheme, _netloc(parts), quote(parts.path or "/", _SAFE), _quoted(parts.query), ""))

    def is_home(self, url: str) -> bool:
        """Credentials go to the base URL's own scheme, host and port only."""
        parts = urlsplit(url)
        return (parts.scheme, parts.hostname, _port(parts)) == (self.base.scheme, self.base.hostname, _port(self.base))


def join(base: str, path: str) -> str:
    """`https://api.x/v2` and `orders` make `https://api.x/v2/orders`."""
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base


def follow(url: str, reference: str) -> str:
    """A Location or a next-page reference, seen from the URL that gave it."""
    try:
        return urljoin(url, reference.strip())
    except ValueError as error:
        raise Broken("source.protocol", f"sent a URL that is none: {error}", shown(url)) from error


def with_params(url: str, params: Mapping[str, str]) -> str:
    """The URL with these query parameters set, in place of those of the same name."""
    if not params:
        return url
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
    return urlunsplit(parts._replace(query=urlencode([*kept, *params.items()], quote_via=quote)))


def shown(url: str, hidden: Iterable[str] = ()) -> str:
    """For errors, logs and `_origin`: no user info, and no value of a parameter that is, or looks like, a secret."""
    try:
        parts = urlsplit(url)
        netloc = _netloc(parts)
    except ValueError:
        return "an unreadable URL"
    names = {name.lower() for name in hidden}
    pairs = [
        (name, "***" if name.lower() in names or _SECRET.search(name) else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(pairs, safe="*:/,@", quote_via=quote), ""))


def _split(url: str, sent_by: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
        _ascii(parts.hostname)
    except ValueError as error:
        raise Broken("source.protocol", f"a URL that is none: {error}", sent_by) from error
    if parts.scheme not in _PORTS or not parts.hostname or not port_is_valid:
        raise Broken("source.moved", f"a URL that is not http or https: {shown(url)}", sent_by)
    return parts


def _ascii(host: str | None) -> str:
    """The host in lower case, as DNS has it; ValueError when DNS cannot."""
    host = (host or "").lower()
    return host if host.isascii() else host.encode("idna").decode()


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)


def _netloc(parts: SplitResult) -> str:
    """Host and port without user info, the host in ASCII."""
    host = _ascii(parts.hostname)
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if parts.port else host


def _quoted(query: str) -> str:
    """Unsafe characters escaped, what is escaped already left alone."""
    return quote(query, safe="%:/?@!$&'()*+,;=~-._[]")
