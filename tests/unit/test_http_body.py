"""A body is whole, or an error."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Broken, Misconfigured, Transient
from sluice.model.source import BearerAuth
from sluice.sources.http.auth import Credentials
from sluice.sources.http.body import read_body

HERE = "https://api.test/x"


def in_chunks(body: bytes, size: int) -> list[bytes]:
    return [body[i : i + size] for i in range(0, len(body), size)]


@given(st.lists(st.binary(max_size=2000), max_size=4), st.integers(1, 700))
def test_members_in_any_chunks_come_out_whole(members: list[bytes], size: int) -> None:
    """A member's end may fall anywhere: inside a chunk, at its edge, in the trailer."""
    packed = b"".join(gzip.compress(member) for member in members)
    assert read_body(in_chunks(packed, size), "gzip", 100_000, HERE) == b"".join(members)


@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_gzip_cut_anywhere_is_an_error(body: bytes, data: st.DataObject) -> None:
    """Without a look at the trailer every one of these would pass as complete."""
    packed = gzip.compress(body)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(Transient, match=r"cut short|damaged"):
        read_body(in_chunks(packed[:cut], 64), "gzip", 100_000, HERE)


def test_a_changed_byte_is_an_error() -> None:
    """The checksum is there to be looked at."""
    packed = bytearray(gzip.compress(b"a" * 1000))
    packed[-6] ^= 1
    with pytest.raises(Transient, match="damaged gzip"):
        read_body([bytes(packed)], "gzip", 100_000, HERE)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_over_the_limit_is_refused_in_time(encoding: str) -> None:
    """A bomb must not be unpacked first and measured then: it stops within one chunk of the limit."""
    body = gzip.compress(b"0" * 50_000_000) if encoding else b"0" * 50_000_000
    with pytest.raises(Broken) as caught:
        read_body(in_chunks(body, 65536), encoding, 1_000_000, HERE)
    assert caught.value.code == "source.too_large"


def test_a_body_of_exactly_the_limit_passes() -> None:
    """Off by one is a bug either way."""
    assert len(read_body([gzip.compress(b"0" * 5000)], "gzip", 5000, HERE)) == 5000
    assert len(read_body([b"0" * 5000], "identity", 5000, HERE)) == 5000
    with pytest.raises(Broken):
        read_body([gzip.compress(b"0" * 5001)], "gzip", 5000, HERE)


def test_an_encoding_nobody_asked_for_is_refused() -> None:
    """Its bytes would be taken for JSON."""
    with pytest.raises(Broken, match="'br'"):
        read_body([b"x"], "br", 100, HERE)


@pytest.mark.parametrize("secret", ["", "token\n", "tok\ren", "tökèn"])
def test_a_secret_that_no_header_may_carry_is_the_operator_s(secret: str) -> None:
    """A newline at the end of a secret's file would end the header, or begin another."""
    with pytest.raises(Misconfigured) as caught:
        Credentials(BearerAuth(type="bearer", secret="shop_token"), lambda name: secret)
    assert caught.value.code == "settings.secret"
    assert "shop_token" in str(caught.value)
