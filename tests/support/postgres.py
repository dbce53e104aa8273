"""One PostgreSQL server per test run, one empty database per test, and a contract to read it by.

A folder's `conftest.py` imports the fixtures; imported by a test file they would start a server for that file alone.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from psycopg2 import sql

from catalog.world.postgres import Postgres
from sluice.model.facts import Plan, Position, Split
from sluice.model.interval import Interval
from sluice.model.source import parse_source
from sluice.sources.base import Reach, connect

_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """An empty database of its own. `run` executes statements, each committed at once, and returns the last rows."""

    dsn: str
    name: str
    server: Postgres

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.server.session(self.name) as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # Not tmp_path: pytest's folders are closed to others, and as root in a container the server runs as `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="sluice-pg-"))
    folder.chmod(0o755)
    try:
        with Postgres.start(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    with postgres.session() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield Database(postgres.dsn_of(name), name, postgres)
    with postgres.session() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class Reading:
    """A postgres contract against a test database: plan it, read all of it, as land does."""

    def __init__(self, dsn: str, columns: dict[str, Any], now: datetime | None = None, **contract: Any) -> None:
        document = {
            "source": "things",
            "owner": "tests",
            "kind": "postgres",
            "description": "Things of a test database.",
            "connection": "db",
            "position": {"mode": "full"},
            "columns": {name: {"type": each} if isinstance(each, str) else each for name, each in columns.items()},
            **contract,
        }
        if "query" not in contract:
            document.setdefault("relation", "things")
        clock = now or datetime.now(UTC)
        self.source = parse_source(document)
        self.connector = connect(self.source, Reach(lambda _name: dsn, lambda _name: "", now=lambda: clock))

    def plan(self, position: Position | None = None, want: tuple[Interval, ...] = ()) -> Plan:
        """Through JSON and back, because that is how a plan reaches its workers."""
        plan = self.connector.plan(position, want, lambda _unit, _version: False)
        splits = tuple(Split.from_dict(json.loads(json.dumps(split.as_dict()))) for split in plan.splits)
        return replace(plan, splits=splits)

    def read(self, split: Split) -> pl.DataFrame:
        frames = list(self.connector.read(split))
        return pl.concat(frames) if frames else pl.DataFrame()

    def all(self, position: Position | None = None, want: tuple[Interval, ...] = ()) -> pl.DataFrame:
        frames = [frame for split in self.plan(position, want).splits for frame in self.connector.read(split)]
        return pl.concat(frames) if frames else pl.DataFrame()
