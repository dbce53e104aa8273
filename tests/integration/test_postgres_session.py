"""Failures of a real PostgreSQL server, and what the connector calls them."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable

import psycopg2
import pytest

from sluice.errors import CODES, Broken, Misconfigured, SluiceError, Transient
from sluice.sources.postgres.session import classify
from tests.support.postgres import Database, Reading

BIG = "CREATE TABLE things AS SELECT g AS id, repeat(md5(g::text), 8) AS note FROM generate_series(1, 300000) g"


@pytest.mark.parametrize(
    ("state", "code", "kind"),
    [
        ("08006", "source.unreachable", Transient),
        ("22012", "source.rejected", Broken),
        ("25006", "source.rejected", Broken),
        ("25P03", "source.unreachable", Transient),
        ("28000", "source.unauthorised", Broken),
        ("28P01", "source.unauthorised", Broken),
        ("3D000", "settings.connection", Misconfigured),
        ("40001", "source.unreachable", Transient),
        ("40P01", "source.unreachable", Transient),
        ("42501", "source.rejected", Broken),
        ("42601", "source.rejected", Broken),
        ("42703", "source.rejected", Broken),
        ("42P01", "source.rejected", Broken),
        ("53100", "source.unreachable", Transient),
        ("53300", "source.throttled", Transient),
        ("55P03", "source.unreachable", Transient),
        ("57014", "source.unreachable", Transient),
        ("57P01", "source.unreachable", Transient),
        ("57P03", "source.unreachable", Transient),
        ("58030", "source.unreachable", Transient),
        ("XX001", "source.rejected", Broken),
    ],
)
def test_classifies_by_sqlstate(database: Database, state: str, code: str, kind: type[SluiceError]) -> None:
    """The class decides between a retry at night and a call to the owner: one table, every row raised for real."""
    with pytest.raises(psycopg2.Error) as caught:
        database.run(f"DO $$ BEGIN RAISE EXCEPTION 'made to fail' USING ERRCODE = '{state}'; END $$")
    error = classify(caught.value, "public.things")
    assert (error.code, type(error), error.what, error.where) == (code, kind, "made to fail", "public.things")
    assert error.facts == {"sqlstate": state}
    assert error.code in CODES
    assert error.remedy


def no_trace_of(secret: str, error: SluiceError) -> bool:
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error.as_dict())
    return secret not in told


def test_a_wrong_password_is_the_owners_matter_and_is_never_printed(database: Database) -> None:
    """Error texts go to logs, alerts and pages."""
    dsn = database.dsn.replace(database.server.password, "canary-4711")
    reading = Reading(dsn, {"id": "int64"})
    with pytest.raises(Broken) as caught:
        reading.plan()
    assert caught.value.code == "source.unauthorised"
    assert no_trace_of("canary-4711", caught.value)
    assert "canary-4711" not in repr(reading.connector)


@pytest.mark.parametrize(
    "dsn", ["postgresql://bob:canary-4711@[::1/shop", "host=localhost password canary-4711", "canary-4711"]
)
def test_an_address_that_cannot_be_parsed_is_not_repeated(dsn: str) -> None:
    """libpq quotes the piece it stumbles over, which may be the password."""
    with pytest.raises(Misconfigured) as caught:
        Reading(dsn, {"id": "int64"}).plan()
    assert caught.value.code == "settings.connection"
    assert no_trace_of("canary-4711", caught.value)


def test_nobody_at_the_port_is_worth_another_try(database: Database) -> None:
    """A database that restarts for maintenance must not need a person."""
    reading = Reading("postgresql://postgres:canary-4711@127.0.0.1:1/shop", {"id": "int64"})
    with pytest.raises(Transient) as caught:
        reading.plan()
    assert caught.value.code == "source.unreachable"
    assert no_trace_of("canary-4711", caught.value)


def test_a_slow_query_stops_at_the_statement_timeout_and_says_what_to_do(database: Database) -> None:
    """Without a limit of ours a forgotten query holds the source's vacuum back for days."""
    query = "SELECT 1 AS id, pg_sleep(30)::text AS slept"
    reading = Reading(database.dsn, {"id": "int64"}, query=query, statement_timeout="200ms")
    began = time.monotonic()
    with pytest.raises(Transient, match="statement timeout") as caught:
        reading.plan()
    assert time.monotonic() - began < 10
    assert "raise statement_timeout" in caught.value.remedy


def test_a_backend_killed_in_the_middle_is_worth_another_try(database: Database) -> None:
    """Half a read must end in an error: an end that looks like the end of the rows would lose the rest."""
    database.run(BIG)
    reading = Reading(database.dsn, {"id": "int64", "note": "string"})
    (split,) = reading.plan().splits
    frames = reading.connector.read(split)
    first = next(frames)
    assert 0 < first.height < 300_000
    killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice things'"
    assert database.run(killed) == [(True,)]
    with pytest.raises(Transient) as caught:
        list(frames)
    assert caught.value.code == "source.unreachable"
    assert reading.read(split).height == 300_000


def test_leaving_a_read_early_frees_the_server(database: Database) -> None:
    """A worker that stops after the first frame must not leave a query running at the source, or hang."""
    database.run(BIG)
    reading = Reading(database.dsn, {"id": "int64", "note": "string"})
    frames = reading.connector.read(reading.plan().splits[0])
    next(frames)
    frames.close()
    assert _until(lambda: database.run(SESSIONS) == [(0,)])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("postgres-copy")]


SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sluice%'"


def _until(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("query", ["SELECT nextval('counter') AS id", "SELECT write_one() AS id"])
def test_a_query_that_writes_is_refused(database: Database, query: str) -> None:
    """We are guests in the source: not even a function hidden in a view may change it."""
    database.run("CREATE SEQUENCE counter; CREATE TABLE kept (id int)")
    body = "INSERT INTO kept VALUES (1) RETURNING 1::bigint"
    database.run(f"CREATE FUNCTION write_one() RETURNS bigint LANGUAGE sql VOLATILE AS $$ {body} $$")
    with pytest.raises(Broken, match="read-only") as caught:
        Reading(database.dsn, {"id": "int64"}, query=query).all()
    assert caught.value.facts == {"sqlstate": "25006"}
    assert database.run("SELECT count(*) FROM kept") == [(0,)]


@pytest.mark.parametrize(
    ("relation", "role", "words"),
    [("nothing_here", "postgres", "does not exist"), ("things", "guest", "permission denied")],
)
def test_what_is_not_there_or_not_allowed_is_the_owners_matter(
    database: Database,
    relation: str,
    role: str,
    words: str,
) -> None:
    """Trying again gives the same answer."""
    database.run("CREATE TABLE things (id int)")
    if role == "guest":
        database.run("DROP ROLE IF EXISTS guest")
        database.run("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    dsn = (
        database.dsn.replace(f"postgres:{database.server.password}", "guest:guest") if role == "guest" else database.dsn
    )
    with pytest.raises(Broken, match=words) as caught:
        Reading(dsn, {"id": "int64"}, relation=relation).plan()
    assert caught.value.code == "source.rejected"


def test_the_session_is_ours_whatever_the_role_prefers(database: Database) -> None:
    """A role with its own DateStyle or TimeZone would otherwise silently shift or swap every date."""
    name = database.name
    for setting in ("DateStyle = 'SQL, DMY'", "TimeZone = 'America/New_York'", "extra_float_digits = 0"):
        database.run(f"ALTER DATABASE {name} SET {setting}")
    database.run(
        "CREATE TABLE things AS SELECT '2026-05-02 01:02:03.000004+00'::timestamptz AS at, '2026-05-02'::date AS day"
    )
    frame = Reading(database.dsn, {"at": "timestamp", "day": "date"}).all()
    assert [str(value) for value in frame.row(0)[:2]] == ["2026-05-02 01:02:03.000004+00:00", "2026-05-02"]
