"""The SQL of the postgres connector, and how its CSV is cut: no server needed."""

from datetime import UTC, datetime

import psycopg2
import pytest

from sluice.errors import Misconfigured, SluiceError
from sluice.model.source import parse_source
from sluice.sources.postgres.copy import _end_of_last_row
from sluice.sources.postgres.session import classify
from sluice.sources.postgres.sql import bound, check_query


def source_with(query: str, mode: str = "interval"):
    position = {"mode": mode, "column": "at"} if mode == "cursor" else {"mode": mode}
    return parse_source(
        {
            "source": "things",
            "owner": "tests",
            "kind": "postgres",
            "description": "Things of a test.",
            "connection": "db",
            "query": query,
            "event_time": "at",
            "position": position,
            "columns": {"at": {"type": "timestamp"}},
        }
    )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; DROP TABLE things",
        "SELECT ';'; SELECT 2",
        "SELECT 1) q) TO STDOUT; DELETE FROM things; --",
        "SELECT at -- ;\n FROM things; SELECT 1",
    ],
)
def test_refuses_a_second_statement(query: str) -> None:
    """COPY sends its text by the protocol in which a second statement would run as well."""
    with pytest.raises(Misconfigured, match="more than one statement"):
        check_query(source_with(query))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT at FROM things;",
        "SELECT ';' AS at -- ; :position\n",
        "SELECT $$;:position$$::text, \"a;:position\", E'\\';:position' /* ; :position */ FROM things",
        "SELECT at::timestamptz FROM things WHERE at >= :start AND at < :end",
    ],
)
def test_takes_semicolons_and_names_in_strings_and_comments_for_what_they_are(query: str) -> None:
    """A checker that trips over a string would forbid honest queries."""
    check_query(source_with(query))


@pytest.mark.parametrize(
    ("query", "mode"), [("SELECT :position", "interval"), ("SELECT :start", "cursor"), ("SELECT :end", "full")]
)
def test_refuses_a_name_that_the_position_mode_does_not_have(query: str, mode: str) -> None:
    """A :start that nothing fills would read everything, or nothing, every day."""
    with pytest.raises(Misconfigured, match="does not have"):
        check_query(source_with(query, mode))


@pytest.mark.parametrize(
    ("instant", "zone", "kind", "literal"),
    [
        (datetime(2026, 5, 1, 19, tzinfo=UTC), "Asia/Tashkent", "timestamptz", "2026-05-02 00:00:00.000000+05:00"),
        (datetime(2026, 5, 1, 19, tzinfo=UTC), "Asia/Tashkent", "date", "2026-05-02"),
        (datetime(2026, 5, 1, 20, tzinfo=UTC), "Asia/Tashkent", "date", "2026-05-03"),
        (datetime(2018, 3, 24, 22, tzinfo=UTC), "Asia/Beirut", "date", "2018-03-25"),  # that day began at 01:00
    ],
)
def test_binds_an_instant_as_the_local_time_with_its_offset(
    instant: datetime, zone: str, kind: str, literal: str
) -> None:
    """One literal is right for timestamptz and timestamp alike; a date belongs where its midnight is."""
    assert bound(instant, zone, kind) == literal


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (b"1,a\n2,b\n3,", 8),
        (b'1,"a\n2,b\n', 0),
        (b'1,"a\nb"\n2,"c\nd', 8),
        (b'1,"say ""hi""\n"\n2', 16),
        (b'1,"""\n', 0),
        (b"no line yet", 0),
    ],
)
def test_cuts_csv_after_a_whole_row_only(text: bytes, end: int) -> None:
    """A line break inside quotes is data: a cut there would make two broken rows of one good one."""
    assert _end_of_last_row(bytearray(text), len(text)) == end


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('FATAL:  password authentication failed for user "bob"', "source.unauthorised"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "source.unauthorised"),
        ('FATAL:  role "bob" does not exist', "source.unauthorised"),
        ('FATAL:  database "shop" does not exist', "settings.connection"),
        ("FATAL:  sorry, too many clients already", "source.throttled"),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "source.throttled"),
        ("Connection refused\n\tIs the server running on that host?", "source.unreachable"),
        ('could not translate host name "db" to address', "source.unreachable"),
        ("SSL connection has been closed unexpectedly", "source.unreachable"),
        ("timeout expired", "source.unreachable"),
    ],
)
def test_knows_a_failed_connect_by_its_words(text: str, code: str) -> None:
    """psycopg2 has no SQLSTATE for a failed connect, and the wrong class means retrying a wrong password all night."""
    assert classify(psycopg2.OperationalError(text), "things").code == code


def test_a_lost_connection_is_worth_another_try() -> None:
    """psycopg2 reports some of them as an InterfaceError without any code."""
    error: SluiceError = classify(psycopg2.InterfaceError("connection already closed"))
    assert (error.code, error.disposition) == ("source.unreachable", "transient")
