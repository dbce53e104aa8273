"""The throw-away server itself: what it leaves behind must be nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import pytest

from catalog.world.postgres import Postgres

START = """
import signal, sys
from pathlib import Path
from catalog.world.postgres import Postgres
server = Postgres.start(Path(sys.argv[1]))
print(server.dsn, flush=True)
signal.pause()
"""


def test_the_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A killed test run must not leave servers behind that fill the machine; SIGKILL runs no clean-up of ours."""
    tmp_path.chmod(0o755)
    command = [sys.executable, "-c", START, str(tmp_path / "pg")]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})
    assert owner.stdout is not None
    dsn = owner.stdout.readline().strip()
    psycopg2.connect(dsn).close()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert _gone(dsn)


def test_data_outlives_a_stop_and_a_second_stop_does_nothing(tmp_path: Path) -> None:
    """The world can be stopped for the night."""
    tmp_path.chmod(0o755)
    with Postgres.start(tmp_path / "pg") as server, server.session() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 1 AS id")
    server.stop()
    assert _gone(server.dsn)
    with Postgres.start(tmp_path / "pg") as server, server.session() as cursor:
        cursor.execute("SELECT * FROM kept")
        assert cursor.fetchall() == [(1,)]


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Its log is the only place where the reason stands."""
    tmp_path.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="outside the valid range"):
        Postgres.start(tmp_path / "pg", port=99_999)
    assert time.monotonic() - began < 30


def _gone(dsn: str, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            psycopg2.connect(dsn).close()
        except psycopg2.OperationalError:
            return True
        time.sleep(0.05)
    return False
