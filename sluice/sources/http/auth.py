"""Credentials of an API: fetched by name when a read begins, put on requests to the base URL's host only."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from sluice.errors import Misconfigured
from sluice.model.source import ApiKeyAuth, Auth, BasicAuth


class Credentials:
    """What to add to a request. Its repr shows nothing, and `scrub` takes the secret out of any text."""

    def __init__(self, auth: Auth | None, secret: Callable[[str], str]) -> None:
        self.headers: dict[str, str] = {}
        self.params: dict[str, str] = {}
        self._texts: set[str] = set()
        if auth is None:
            return
        value = secret(auth.secret)
        plain = value.isprintable() and (value.isascii() or isinstance(auth, BasicAuth))
        if not value or not plain:  # a newline at the end of a secret's file is the usual cause
            what = f"the secret {auth.secret!r} is empty or has characters that no header may carry"
            raise Misconfigured("settings.secret", what, "", "store it again, without a newline at its end")
        self._texts |= {value, quote(value), quote(value, safe=""), quote_plus(value)}
        if isinstance(auth, BasicAuth):
            value = b64encode(f"{auth.username}:{value}".encode()).decode()
            self._texts |= {value}
            self.headers = {"Authorization": f"Basic {value}"}
        elif isinstance(auth, ApiKeyAuth):
            if auth.header:
                self.headers = {auth.header: value}
            else:
                self.params = {auth.param or "": value}
        else:
            self.headers = {"Authorization": f"Bearer {value}"}

    def scrub(self, text: str) -> str:
        """The text without the secret, however it is written."""
        for secret in sorted(self._texts, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def __repr__(self) -> str:
        return "Credentials(***)"
