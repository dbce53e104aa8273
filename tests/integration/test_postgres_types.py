"""Every type PostgreSQL has for what a contract can say, there and back without losing a digit."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import psycopg2
import pytest

from sluice.errors import Broken
from sluice.sources.postgres import copy as _postgres_copy
from tests.support.postgres import Database, Reading

NINES = "9" * 36 + ".99"
EXACT = [
    ("smallint", "int16", "-32768", -32768),
    ("integer", "int32", "2147483647", 2147483647),
    ("bigint", "int64", "-9223372036854775808", -(2**63)),
    ("integer", "int64", "-1", -1),
    ("bigint", "int8", "-128", -128),
    ("numeric(10,0)", "int64", "9999999999", 9999999999),
    ("numeric(38,2)", "decimal(38,2)", NINES, Decimal(NINES)),
    ("numeric", "decimal(38,2)", f"-{NINES}", Decimal(f"-{NINES}")),
    ("numeric", "decimal(12,2)", "1.500000", Decimal("1.50")),
    ("numeric(12,4)", "decimal(12,2)", "1.1000", Decimal("1.10")),
    ("bigint", "decimal(19,0)", "9223372036854775807", Decimal("9223372036854775807")),
    ("double precision", "float64", "0.1", 0.1),
    ("double precision", "float64", "-Infinity", -math.inf),
    ("double precision", "float64", "1e-320", 1e-320),
    ("real", "float32", "0.1", 0.10000000149011612),
    ("real", "float64", "0.1", 0.10000000149011612),
    ("boolean", "bool", "true", True),
    ("boolean", "bool", "false", False),
    ("date", "date", "1900-02-28", date(1900, 2, 28)),
    ("date", "date", "9999-12-31", date(9999, 12, 31)),
    ("timestamptz", "timestamp", "2026-05-02 01:02:03.000001+05", datetime(2026, 5, 1, 20, 2, 3, 1, tzinfo=UTC)),
    ("timestamptz", "timestamp", "1600-01-01 00:00:00+00", datetime(1600, 1, 1, tzinfo=UTC)),
    ("timestamp", "timestamp", "2026-05-02 00:00:00.5", datetime(2026, 5, 1, 19, 0, 0, 500_000, tzinfo=UTC)),
    ("date", "timestamp", "2026-05-02", datetime(2026, 5, 1, 19, tzinfo=UTC)),
    # Where a timestamp turns from text into a number and back; 1970 is where the number changes its sign.
    ("timestamptz", "timestamp", "1899-12-31 23:59:59.999999+00", datetime(1899, 12, 31, 23, 59, 59, 999_999, UTC)),
    ("timestamptz", "timestamp", "1900-01-01 00:00:00.000001+00", datetime(1900, 1, 1, 0, 0, 0, 1, UTC)),
    ("timestamptz", "timestamp", "1969-12-31 23:59:59.999999+00", datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)),
    ("timestamptz", "timestamp", "2099-12-31 23:59:59.999999+00", datetime(2099, 12, 31, 23, 59, 59, 999_999, UTC)),
    ("timestamptz", "timestamp", "2100-01-01 00:00:00.000001+00", datetime(2100, 1, 1, 0, 0, 0, 1, UTC)),
    ("timestamp", "timestamp", "9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 18, 59, 59, 999_999, UTC)),
    ("date", "timestamp", "9999-12-31", datetime(9999, 12, 30, 19, tzinfo=UTC)),
    ("uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", "json", '{"a": 1.10, "a": 2}', '{"a": 1.10, "a": 2}'),
    ("jsonb", "json", '{"a": 1.10}', '{"a": 1.10}'),
    ("text", "string", "", ""),
    ("text", "string", "NULL", "NULL"),
    ("text", "string", "\\N", "\\N"),
    ("text", "string", "\\.", "\\."),
    ("text", "string", 'say "hi",\r\nthen\tgo\n', 'say "hi",\r\nthen\tgo\n'),
    ("char(5)", "string", "ab", "ab"),
    ("varchar(9)", "json", "[1]", "[1]"),
    ("numeric", "string", "NaN", "NaN"),
    ("timestamptz", "string", "infinity", "infinity"),
    ("bytea", "string", "\\x00ff", "\\x00ff"),
    ("interval", "string", "1 day 2 hours", "P1DT2H"),
    ("money", "string", "1.50", "$1.50"),
    ("integer[]", "array(int64)", "{1,NULL,3}", "[1,null,3]"),
    ("numeric[]", "array(decimal(6,2))", "{1.10}", "[1.10]"),
    ("text[]", "array(string)", '{"","NULL","a,b"}', '["","NULL","a,b"]'),
    ("jsonb", "array(int64)", "[1, 2]", "[1, 2]"),
    ("point", "string", "(1,2)", "(1,2)"),
]  # fmt: skip


@pytest.mark.parametrize(("server", "ours", "text", "expected"), EXACT)
def test_reads_a_value_exactly(database: Database, server: str, ours: str, text: str, expected: object) -> None:
    """Peers turn 1.10 into 1.1, numeric into floats, '' into NULL. The null beside it must stay a null."""
    if server == "money":
        database.run(f"ALTER DATABASE {database.name} SET lc_monetary = 'C'")
    database.run(f"CREATE TABLE things (n int, value {server})")
    database.run("INSERT INTO things VALUES (1, %s), (2, NULL)", text)
    reading = Reading(database.dsn, {"n": "int32", "value": ours}, timezone="Asia/Tashkent")
    frame = reading.all().sort("n")
    value = frame["value"][0]
    assert value == expected or (server == "money" and value.endswith("1.50"))
    assert type(value) is type(expected)
    assert frame["value"][1] is None
    assert frame["_problem"].to_list() == [None, None]
    kind = reading.source.columns["value"].parsed
    assert frame.schema["value"] == (pl.String() if kind.name == "array" else kind.polars())


@pytest.mark.parametrize(
    ("server", "ours", "text", "told"),
    [
        ("numeric", "decimal(12,2)", "NaN", "NaN"),
        ("numeric(12,2)", "decimal(12,2)", "NaN", "NaN"),
        ("numeric", "decimal(12,2)", "Infinity", "Infinity"),
        ("numeric", "decimal(12,2)", "1.005", "1.005"),
        ("numeric", "decimal(12,0)", "-0.10", "-0.1"),
        ("numeric", "decimal(12,2)", "10000000000.00", "10000000000"),
        ("numeric", "decimal(38,2)", "9" * 39, "9" * 39),
        ("bigint", "decimal(5,2)", "1000", "1000"),
        ("bigint", "int32", "2147483648", "2147483648"),
        ("smallint", "int8", "128", "128"),
        ("numeric(20,0)", "int64", "9223372036854775808", "9223372036854775808"),
        ("timestamptz", "timestamp", "infinity", "infinity"),
        ("timestamp", "timestamp", "-infinity", "-infinity"),
        ("timestamptz", "timestamp", "0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00 BC"),
        ("date", "date", "infinity", "infinity"),
        ("date", "date", "0044-03-15 BC", "0044-03-15 BC"),
    ],
)
def test_a_value_the_type_cannot_hold_makes_a_problem_row_with_its_text(
    database: Database, server: str, ours: str, text: str, told: str
) -> None:
    """Rounding or nulling it silently would be a wrong number in a report; stopping would lose the good rows."""
    database.run(f"CREATE TABLE things (n int, value {server}, note text)")
    good = "2026-05-02" if ours in ("date", "timestamp") else "1"
    database.run("INSERT INTO things VALUES (1, %s, 'bad'), (2, NULL, 'null'), (3, %s, 'good')", text, good)
    frame = Reading(database.dsn, {"n": "int32", "value": ours, "note": "string"}).all().sort("n")
    assert frame["value"].is_null().to_list() == [True, True, False]
    assert frame["_problem"].to_list() == ["type:value", None, None]
    assert [json.loads(raw) if raw else None for raw in frame["_raw"]] == [{"value": told}, None, None]
    assert frame["note"].to_list() == ["bad", "null", "good"]


def test_a_row_with_two_bad_values_keeps_both(database: Database) -> None:
    """Whoever mends the row must see all of it at once."""
    database.run("CREATE TABLE things AS SELECT 'NaN'::numeric AS a, 1 AS b, 'infinity'::date AS c")
    frame = Reading(database.dsn, {"a": "decimal(5,2)", "b": "int32", "c": "date"}).all()
    assert frame["_problem"][0] == "type:a"
    assert json.loads(frame["_raw"][0]) == {"a": "NaN", "c": "infinity"}


@pytest.mark.parametrize(
    ("server", "ours"),
    [
        ("text", "int64"),
        ("text", "timestamp"),
        ("double precision", "decimal(12,2)"),
        ("double precision", "float32"),
        ("bigint", "float64"),
        ("numeric", "int64"),
        ("timestamptz", "date"),
        ("integer", "bool"),
        ("boolean", "int64"),
        ("integer", "uuid"),
        ("text[]", "array(int64)"),
        ("text", "array(string)"),
        ("integer[]", "int64"),
        ("money", "decimal(12,2)"),
    ],
)
def test_a_type_that_does_not_fit_stops_the_plan(database: Database, server: str, ours: str) -> None:
    """The owner changed the column: a thousand rejected rows would say the same thing less clearly."""
    database.run(f"CREATE TABLE things (value {server})")
    with pytest.raises(Broken) as caught:
        Reading(database.dsn, {"value": ours}).plan()
    assert caught.value.code == "contract.type_drift"
    assert "'value'" in caught.value.what


def test_enums_and_domains_read_as_what_they_are(database: Database) -> None:
    """Both are user-defined types that hide an ordinary one."""
    database.run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(12,2) CHECK (VALUE >= 0)")
    database.run("CREATE TABLE things AS SELECT 'ok'::mood AS mood, 1.1::price AS price, ARRAY['sad'::mood] AS moods")
    frame = Reading(database.dsn, {"mood": "string", "price": "decimal(12,2)", "moods": "array(string)"}).all()
    assert frame.row(0)[:3] == ("ok", Decimal("1.10"), '["sad"]')


def test_a_promised_column_that_is_missing_names_the_nearest(database: Database) -> None:
    """A rename is the commonest change at a source; the message should end the search."""
    database.run("CREATE TABLE things (order_id int, order_totl numeric(12,2))")
    columns = {"order_id": "int32", "order_total": {"type": "decimal(12,2)", "nullable": False}}
    with pytest.raises(Broken) as caught:
        Reading(database.dsn, columns).plan()
    assert caught.value.code == "contract.missing_column"
    assert "'order_totl'" in caught.value.remedy


def test_a_nullable_column_that_is_missing_is_absent_and_told(database: Database) -> None:
    """Optional columns may go; people hear of it."""
    database.run("CREATE TABLE things AS SELECT 1 AS id")
    reading = Reading(database.dsn, {"id": "int32", "note": "string"})
    assert [notice.kind for notice in reading.plan().notices] == ["missing_column"]
    assert "note" not in reading.all().columns


def test_a_source_with_none_of_the_columns_is_the_wrong_source(database: Database) -> None:
    """Every column may be nullable, but not all of them gone."""
    database.run("CREATE TABLE things AS SELECT 1 AS other")
    with pytest.raises(Broken, match="none of the contract's columns"):
        Reading(database.dsn, {"id": "int32", "note": "string"}).plan()


@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_unknown_columns_come_as_text_and_are_told(database: Database, policy: str) -> None:
    """Drift is reported, never silent; with `drop` the column does not even travel."""
    database.run("CREATE TABLE things AS SELECT 1 AS id, 2.50 AS \"New One\", 'x' AS _raw")
    reading = Reading(database.dsn, {"id": "int32"}, unknown_columns=policy)
    notices = reading.plan().notices
    assert [(n.kind, n.what.split("'")[1]) for n in notices] == [
        ("unknown_column", "New One"),
        ("unknown_column", "_raw"),
    ]
    frame = reading.all()
    assert ("New One" in frame.columns) == (policy == "keep")
    if policy == "keep":
        assert frame["New One"].to_list() == ["2.50"]
    assert frame["_raw"].to_list() == [None]


def test_a_column_may_have_another_name_here(database: Database) -> None:
    """`from:` takes names that need quoting, and two columns may come from one."""
    database.run('CREATE TABLE things AS SELECT 7 AS "Order ""No"" %s", 1 AS id')
    columns = {
        "order_no": {"type": "int32", "from": 'Order "No" %s'},
        "again": {"type": "string", "from": 'Order "No" %s'},
    }
    frame = Reading(database.dsn, {"id": "int32", **columns}).all()
    assert (frame["order_no"][0], frame["again"][0]) == (7, "7")


def test_rows_of_nothing_but_nulls_are_still_rows(database: Database) -> None:
    """A row of one null is an empty line of CSV, which most readers skip."""
    database.run("CREATE TABLE things (value text)")
    database.run("INSERT INTO things VALUES (NULL), (''), (NULL), ('x'), (NULL)")
    assert Reading(database.dsn, {"value": "string"}).all()["value"].to_list() == [None, "", None, "x", None]


def test_text_survives_whatever_the_size_of_a_chunk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes and line breaks at a chunk's edge are where a reader of pieces goes wrong."""
    monkeypatch.setattr(_postgres_copy, "_PIPE_BUFFER", 7)
    database.run("CREATE TABLE things (id int, value text)")
    values = ['"', '""', "\n", '"\n"', ',\n",', "a" * 200, "", '\r\n"x', "é漢字🙂", "\n\n\n"] * 20
    for number, value in enumerate(values):
        database.run("INSERT INTO things VALUES (%s, %s)", number, value)
    reading = Reading(database.dsn, {"id": "int32", "value": "string"})
    for chunk_bytes in (1, 16, 64, 1000):
        monkeypatch.setattr(_postgres_copy, "CHUNK_BYTES", chunk_bytes)
        assert reading.all().sort("id")["value"].to_list() == values


@pytest.mark.skipif("SLUICE_CORPORA" not in os.environ, reason="SLUICE_CORPORA names the folder of test corpora")
def test_naughty_strings_come_through_untouched(database: Database) -> None:
    """The Big List of Naughty Strings has what users really type."""
    strings = json.loads((Path(os.environ["SLUICE_CORPORA"]) / "naughty_strings" / "blns.json").read_text("utf-8"))
    with psycopg2.connect(database.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE things (id int, value text)")
        cursor.executemany("INSERT INTO things VALUES (%s, %s)", list(enumerate(strings)))
    connection.close()
    frame = Reading(database.dsn, {"id": "int32", "value": "string"}).all().sort("id")
    assert frame["value"].to_list() == strings


def test_a_probe_shows_a_few_rows_without_any_position(database: Database) -> None:
    """It is how a contract's author looks at the source, also through a query with names to fill."""
    database.run("CREATE TABLE things AS SELECT g AS id, now() AS at FROM generate_series(1, 50) g")
    columns = {"id": "int32", "at": "timestamp"}
    assert Reading(database.dsn, columns).connector.probe(5).height == 5
    query = "SELECT * FROM things WHERE at >= :start AND at < :end"
    reading = Reading(database.dsn, columns, query=query, position={"mode": "interval"}, event_time="at")
    assert reading.connector.probe(5).height == 5
    database.run("DELETE FROM things")
    assert reading.connector.probe(5).columns[:2] == ["id", "at"]
