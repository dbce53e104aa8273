"""One PostgreSQL server per test run, one empty database per test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from psycopg2 import sql

from catalog.world.postgres import Postgres

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
