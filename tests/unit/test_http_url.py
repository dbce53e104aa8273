"""Which hosts may be asked, and what of a URL may be seen."""

from __future__ import annotations

import pytest

from sluice.errors import Broken
from sluice.model.source import BasicAuth
from sluice.sources.http.auth import Credentials
from sluice.sources.http.net import is_private
from sluice.sources.http.paging import linked
from sluice.sources.http.url import Hosts, follow, join, shown, with_params

HOSTS = Hosts("https://api.test/v2", ["cdn.test", "files.test:8443", "Bücher.test"])


@pytest.mark.parametrize(
    "url",
    [
        "https://api.test/x", "https://API.test/x", "https://api.test:443/x", "https://cdn.test/a?b=c",
        "https://files.test:8443/", "https://bücher.test/",
    ],
)  # fmt: skip
def test_a_listed_host_is_allowed(url: str) -> None:
    """The base URL's own host needs no listing."""
    HOSTS.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/", "https://api.test.evil.test/", "https://evil.test/https://api.test/",
        "https://api.test@evil.test/", "https://evil.test#api.test", "https://api.test:8443/", "https://files.test/",
        "http://api.test/", "ftp://api.test/", "file:///etc/passwd", "//evil.test/", "https://[::1]/",
        "https://api.test\\@evil.test/", "javascript:alert(1)", "https://", "https://api.test:99999/", "https://[x/", "https://a..ü.test/",
    ],
)  # fmt: skip
def test_any_other_host_port_or_scheme_is_refused(url: str) -> None:
    """Each of these is a known way to make a checker see one host and the client another."""
    with pytest.raises(Broken) as caught:
        HOSTS.check(url, "https://api.test/page")
    assert caught.value.code in ("source.moved", "source.protocol")


def test_what_is_checked_is_what_is_asked() -> None:
    """User info, fragments and control characters do not get past the check into a request."""
    assert HOSTS.check("https://user:pw@api.test/a b?q=é x#frag") == "https://api.test/a%20b?q=%C3%A9%20x"
    assert HOSTS.check("https://api.test/a%20b?q=%2B1\r\nX: y") == "https://api.test/a%20b?q=%2B1X:%20y"
    assert HOSTS.check("https://bücher.test/") == "https://xn--bcher-kva.test/"


def test_a_url_is_shown_without_secrets() -> None:
    """URLs stand in logs, in errors and in every row's `_origin`."""
    url = (
        "https://me:pw@api.test/x?page=2&api_key=s1&X-Amz-Signature=s2&access_token=s3&since=2026-05-01T00:00:00Z&k=s4"
    )
    assert shown(url, {"K"}) == (
        "https://api.test/x?page=2&api_key=***&X-Amz-Signature=***&access_token=***&since=2026-05-01T00:00:00Z&k=***"
    )
    assert "pw" not in shown("https://me:pw@[bad/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "255.255.255.255",
    ],
)  # fmt: skip
def test_private_addresses_are_known_in_every_dress(address: str) -> None:
    """169.254.169.254 gives a cloud's credentials to whoever asks; IPv6 has several ways to write it."""
    assert is_private(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_let_through(address: str) -> None:
    """The rule must not close the door to the world."""
    assert not is_private(address)


def test_params_replace_those_of_the_same_name() -> None:
    """A second `page=` would leave it to the server which one counts."""
    assert with_params("https://a.test/x?page=1&q=a+b", {"page": "2"}) == "https://a.test/x?q=a%20b&page=2"
    assert with_params("https://a.test/x", {"at": "2026-05-01T00:00:00+05:00"}).endswith(
        "at=2026-05-01T00%3A00%3A00%2B05%3A00"
    )


def test_paths_join_with_one_slash() -> None:
    """`/orders` must not throw the base's `/v2` away."""
    assert {join("https://a.test/v2/", "/orders"), join("https://a.test/v2", "orders")} == {"https://a.test/v2/orders"}
    assert follow("https://a.test/v2/orders?page=1", "?page=2") == "https://a.test/v2/orders?page=2"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://a.test/?p=2>; rel="next"', "https://a.test/?p=2"),
        ("<https://a.test/?p=2>; rel=next", "https://a.test/?p=2"),
        ('<https://a.test/1,2>; rel="prev", <https://a.test/3,4>; title="a, b"; rel="last NEXT"', "https://a.test/3,4"),
        ('<?p=2>;rel="next"', "?p=2"),
        ('<https://a.test/>; rel="nextish"', None),
        ('<https://a.test/>; title="rel=next"', None),
        ("rubbish", None),
        ("", None),
    ],
)
def test_a_link_header_is_read_as_its_standard_says(header: str, target: str | None) -> None:
    """Commas and semicolons are allowed in URLs and titles; splitting at them loses the next page."""
    assert linked(header, "next") == target


def test_credentials_show_nothing() -> None:
    """A repr ends up in tracebacks."""
    credentials = Credentials(BasicAuth(type="basic", username="me", secret="pw"), lambda name: "can/ary")
    assert credentials.headers == {"Authorization": "Basic bWU6Y2FuL2FyeQ=="}
    assert repr(credentials) == "Credentials(***)"
    assert credentials.scrub("can/ary can%2Fary bWU6Y2FuL2FyeQ==") == "*** *** ***"
