"""One table decides what is retried and who is told."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpcore
import pytest

from sluice.errors import Broken, SluiceError, Transient
from sluice.sources.http.classify import Answer, classify, retry_after

SOON = {"retry-after": "7"}


@pytest.mark.parametrize(
    ("cause", "kind", "code"),
    [
        (Answer(400), Broken, "source.rejected"),
        (Answer(401), Broken, "source.unauthorised"),
        (Answer(403), Broken, "source.unauthorised"),
        (Answer(403, SOON), Transient, "source.throttled"),
        (Answer(404), Broken, "source.rejected"),
        (Answer(405), Broken, "source.rejected"),
        (Answer(408), Transient, "source.unreachable"),
        (Answer(409), Broken, "source.rejected"),
        (Answer(410), Broken, "source.rejected"),
        (Answer(422), Broken, "source.rejected"),
        (Answer(425), Transient, "source.unreachable"),
        (Answer(429), Transient, "source.throttled"),
        (Answer(429, SOON), Transient, "source.throttled"),
        (Answer(500), Transient, "source.unreachable"),
        (Answer(502), Transient, "source.unreachable"),
        (Answer(503), Transient, "source.unreachable"),
        (Answer(503, SOON), Transient, "source.throttled"),
        (Answer(504), Transient, "source.unreachable"),
        (Answer(302), Broken, "source.moved"),
        (Answer(304), Broken, "source.moved"),
        (Answer(206), Broken, "source.protocol"),
        (httpcore.ConnectError("refused"), Transient, "source.unreachable"),
        (httpcore.ConnectTimeout(), Transient, "source.unreachable"),
        (httpcore.ReadTimeout(), Transient, "source.unreachable"),
        (httpcore.ReadError(), Transient, "source.unreachable"),
        (httpcore.RemoteProtocolError("hung up"), Transient, "source.unreachable"),
        (httpcore.LocalProtocolError("bad header"), Broken, "source.rejected"),
        (ssl.SSLCertVerificationError("expired"), Transient, "source.unreachable"),
        (OSError("no route"), Transient, "source.unreachable"),
        (Broken("source.moved", "x"), Broken, "source.moved"),
    ],
    ids=lambda value: f"{value.status}{'+' if value.headers else ''}" if isinstance(value, Answer) else None,
)
def test_each_trouble_has_its_class(cause: Answer | Exception, kind: type[SluiceError], code: str) -> None:
    """The class decides over retry and alert, the code over the runbook."""
    error = classify(cause, "https://api.test/orders")
    assert (type(error), error.code) == (kind, code)


def test_what_is_not_the_network_s_stays_a_bug() -> None:
    """A KeyError of ours must reach on-call with its traceback, not be retried as a lost connection."""
    with pytest.raises(KeyError):
        classify(KeyError("oops"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("7", 7), (" 1.5 ", 1.5), ("-3", None), ("soon", None), ("", None), ("9" * 400, None), ("inf", None)],
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    """Advice that cannot be read is no advice; it must not become a crash or a wait for ever."""
    assert retry_after({"retry-after": text}) == seconds


def test_retry_after_as_a_date_is_seen_from_the_answer_s_own_clock() -> None:
    """A server whose clock is an hour off still means ten seconds."""
    theirs = datetime(2020, 1, 1, tzinfo=UTC)
    headers = {"date": format_datetime(theirs), "retry-after": format_datetime(theirs + timedelta(seconds=10))}
    assert retry_after(headers) == 10
    assert retry_after(headers | {"retry-after": format_datetime(theirs - timedelta(days=1))}) == 0


def test_the_wait_is_a_fact_of_the_error() -> None:
    """The task's retry reads it."""
    error = classify(Answer(429, SOON))
    assert isinstance(error, Transient)
    assert error.retry_after == 7
