"""Sessions with a PostgreSQL server: read-only, bounded in time, and silent about their credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, parse_dsn

from sluice.errors import Broken, Misconfigured, SluiceError, Transient

if TYPE_CHECKING:
    from sluice.model.source import PostgresSource
    from sluice.sources.base import Reach

# The connection's own address may say otherwise: these are only what it leaves open.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
# Text forms that do not depend on the server's or the role's settings. Set for the transaction only, by set_config
# and not as startup options: poolers such as PgBouncer refuse the latter, and hand the session on to others.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "synchronize_seqscans": "off",  # an unchanged table is read in the same order, and so recognised as unchanged
}


@contextmanager
def session(source: PostgresSource, reach: Reach) -> Iterator[Any]:
    """A connection inside one READ ONLY, REPEATABLE READ transaction. Database errors leave it as SluiceErrors."""
    assert source.connection is not None
    where = place(source)
    connection = _connect(reach.address(source.connection), source, where)
    try:
        with classified(where):
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            timeout = str(int(source.statement_timeout.total_seconds() * 1000))
            settings = [word for pair in (_SETTINGS | {"statement_timeout": timeout}).items() for word in pair]
            with connection.cursor() as cursor:
                cursor.execute("SELECT " + ", ".join(["set_config(%s, %s, true)"] * (len(settings) // 2)), settings)
            yield connection
    finally:
        connection.close()


def place(source: PostgresSource) -> str:
    """What errors and rows name as their origin."""
    return source.relation or f"query of {source.source}"


@contextmanager
def classified(where: str) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        raise classify(error, where) from error


def _connect(dsn: str, source: PostgresSource, where: str) -> Any:
    # "from None" twice: libpq quotes parts of an address it cannot parse, password included.
    try:
        address = parse_dsn(dsn)
    except psycopg2.Error:
        raise Misconfigured(
            "settings.connection",
            f"the address of connection {source.connection!r} is not a PostgreSQL address",
            where,
            "write it as postgresql://user:password@host:5432/database",
        ) from None
    name = f"sluice {source.source}"[:63]
    try:
        return psycopg2.connect(**{**_DEFAULTS, "application_name": name, **address, "client_encoding": "UTF8"})
    except psycopg2.Error as error:
        raise classify(error, where) from None


class _Kind(NamedTuple):
    error: type[SluiceError]
    code: str
    remedy: str = ""


_AGAIN = "it is tried again; if it stays, ask the owner of the database"
_UNREACHABLE = _Kind(Transient, "source.unreachable", _AGAIN)
_REJECTED = _Kind(Broken, "source.rejected", "mend the contract's relation or query, or the database")
_UNAUTHORISED = _Kind(Broken, "source.unauthorised", "check the user and password of the connection, and pg_hba.conf")

# By SQLSTATE, the longest prefix wins. https://www.postgresql.org/docs/current/errcodes-appendix.html
_KINDS: dict[str, _Kind] = {
    "": _REJECTED,
    "08": _UNREACHABLE,
    "25P": _UNREACHABLE,  # idle in transaction for too long
    "28": _UNAUTHORISED,
    "3D": _Kind(Misconfigured, "settings.connection", "name an existing database in the connection's address"),
    "40": _UNREACHABLE,  # a standby cancels reads that conflict with its replay (40001)
    "42501": _Kind(Broken, "source.rejected", "grant the connection's user SELECT on the relation"),
    "53": _UNREACHABLE,
    "53300": _Kind(Transient, "source.throttled", "lower limits.concurrency, or raise the server's max_connections"),
    "55P03": _UNREACHABLE,
    "57": _UNREACHABLE,
    "57014": _Kind(Transient, "source.unreachable", "raise statement_timeout, or give splits.by to cut smaller pieces"),
    "58": _UNREACHABLE,
}

# A failed connect carries no SQLSTATE in psycopg2, only the server's words.
_WORDS = (
    (re.compile(r"authentication failed|no password supplied|no pg_hba\.conf entry|not permitted to log in"), "28"),
    (re.compile(r'role ".*" does not exist'), "28"),
    (re.compile(r'database ".*" does not exist'), "3D"),
    (re.compile(r"too many (clients|connections)|remaining connection slots"), "53300"),
)


def classify(error: BaseException, where: str = "") -> SluiceError:
    """A database error as the SluiceError that says who must act. Its text is the server's own first line."""
    state = getattr(error, "pgcode", None)
    diagnosis = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = str(error).strip().splitlines()
    text = diagnosis or (lines[0] if lines else type(error).__name__)
    if state is None:
        state = next((code for words, code in _WORDS if words.search(str(error))), None)
    if state is None:  # libpq itself: refused, reset, timed out, no such host, or ended in the middle of a COPY
        lost = type(error) in (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.DatabaseError)
        kind = _UNREACHABLE if lost else _REJECTED
    else:
        kind = next(_KINDS[state[:n]] for n in range(len(state), -1, -1) if state[:n] in _KINDS)
    return kind.error(kind.code, text, where, kind.remedy, **({"sqlstate": state} if state else {}))
