"""Which error an answer or an exception is: the one place where an API's trouble gets its class.

401 403                          Broken     source.unauthorised   403 with Retry-After: throttled
other 4xx                        Broken     source.rejected
429, 503 with Retry-After        Transient  source.throttled
408 425 5xx                      Transient  source.unreachable
3xx that was not followed        Broken     source.moved
name, connect, TLS, read, time   Transient  source.unreachable
broken off inside the body       Transient  source.protocol
a request that is none           Broken     source.rejected
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore

from sluice.errors import Broken, SluiceError, Transient


@dataclass(frozen=True)
class Answer:
    """A response whose body has been read. Header names are in lower case, repeated ones joined by a comma."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    url: str = ""
    where: str = ""  # the URL as it may be shown


def classify(cause: Answer | Exception, where: str = "") -> SluiceError:
    """The SluiceError for an answer that is no success, or for what the HTTP library raised."""
    return _answer(cause) if isinstance(cause, Answer) else _exception(cause, where)


def _answer(answer: Answer) -> SluiceError:
    status, where = answer.status, answer.where
    what = f"answered {status}{_said(answer)}"
    wait = retry_after(answer.headers)
    if status == 429 or (wait is not None and status in (403, 503)):  # GitHub throttles with 403 and Retry-After
        return Transient("source.throttled", what, where, "", **({} if wait is None else {"retry_after": wait}))
    if status in (408, 425) or status >= 500:
        return Transient("source.unreachable", what, where, "", **({} if wait is None else {"retry_after": wait}))
    if status in (401, 403):
        return Broken("source.unauthorised", what, where, "check the secret that the contract's `auth` names")
    if status >= 400:
        return Broken("source.rejected", what, where, "compare `path` and `params` with the API's documentation")
    if status >= 300:
        return Broken("source.moved", f"{what}, which leads nowhere we may go", where, "ask the source's owner")
    return Broken("source.protocol", f"{what}, which is no answer to a GET", where, "ask the source's owner")


def _exception(error: Exception, where: str) -> SluiceError:
    if isinstance(error, SluiceError):
        return error
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, httpcore.TimeoutException):
        return Transient("source.unreachable", f"no byte within the time-out ({detail})", where)
    if isinstance(error, httpcore.LocalProtocolError | httpcore.UnsupportedProtocol):
        return Broken("source.rejected", f"a request that HTTP does not allow ({detail})", where, "check `headers`")
    if isinstance(error, httpcore.NetworkError | httpcore.ProtocolError | OSError):
        return Transient("source.unreachable", f"the connection failed ({detail})", where)
    raise error  # not the network's: a bug of ours, and its traceback is wanted


def retry_after(headers: dict[str, str]) -> float | None:
    """Seconds to wait, from either form of Retry-After; None when there is none that can be read.

    A date is compared with the answer's own Date, so that a clock that is wrong here or there does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    moment = _date(text)
    if moment is None:
        return None
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):  # not a date: the header is advice, and bad advice is none
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _said(answer: Answer) -> str:
    """What the API itself says is wrong, in a few printable words."""
    text = " ".join(answer.body[:2000].decode("utf-8", "replace").split())
    if not text or "<html" in text.lower():
        return ""
    text = "".join(sign for sign in text if sign.isprintable())
    return f": {text[:200]}{'…' if len(text) > 200 else ''}"
