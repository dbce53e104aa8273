"""Where the CLI meets Prefect: settings before its import, and one local server that stays up between commands.

Without a server of its own every flow boots an ephemeral one, for 14 seconds each; with one up a run starts in 4.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from sluice.errors import Transient

DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # it phones home, and logs an ERROR where it cannot
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "sluice",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # the core also logs outside of runs
}
# Our own server keeps SQLite. By default it writes every event of every task run in a transaction of its own; three
# runs at once then met locks so often that the server stood still for a minute: its garbage collector waited for a
# statement, that for the lock, and who held the lock for the event loop. In batches: none in 45 runs, at half the CPU.
SERVER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
}
STARTS_WITHIN = 180.0


def use_server(*, console: bool = False) -> str:
    """The API to use: the one configured, or our own local server, started if need be and left running.

    Sets what has to stand before Prefect is imported; what the user set wins. `console` shows Prefect's log.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if not console:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    if url := os.environ.get("PREFECT_API_URL"):
        if not _answers(url):
            raise Transient(
                "server.unreachable", "the Prefect server does not answer", f"PREFECT_API_URL={url}",
                "Start it and run again; or unset PREFECT_API_URL, and a local server is started.",
            )  # fmt: skip
        return url
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "sluice-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first runs at once: the second one waits for the first one's server
        known = running()
        url = known["url"] if known else start()
    os.environ["PREFECT_API_URL"] = url
    return url


def home() -> Path:
    return Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()


def running() -> dict[str, str] | None:
    """Our local server, if it answers."""
    known = _noted()
    return known if known and is_healthy(known["url"]) else None


def is_ours(url: str) -> bool:
    """Whether that is the local server that we started."""
    known = _noted()
    return known is not None and known["url"] == url


def start() -> str:
    """Starts a server on loopback and waits until it answers."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    log = home() / "sluice-server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env=SERVER
            | {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
            | {"PREFECT_SERVER_API_HOST": "127.0.0.1", "PREFECT_SERVER_API_PORT": str(port)},
        )  # fmt: skip
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        if is_healthy(url):
            _note().write_text(json.dumps({"url": url, "pid": str(process.pid), "log": str(log)}))
            return url
        time.sleep(0.2)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    raise Transient(
        "server.unreachable", "the local Prefect server did not start", str(log),
        "Read the end of that log; or point PREFECT_API_URL at a server that runs.",
    )  # fmt: skip


def stop() -> bool:
    """Stops our local server; False where none runs."""
    known = running()
    if known is None:
        return False
    pid = int(known["pid"])
    with suppress(ProcessLookupError):  # it may end by itself meanwhile
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and is_healthy(known["url"]):
            time.sleep(0.1)
        if is_healthy(known["url"]):
            os.killpg(pid, signal.SIGKILL)
    _note().unlink(missing_ok=True)
    return True


def is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _answers(url: str) -> bool:
    """Whether anybody is there: a server that asks for a password has answered."""
    try:
        urllib.request.urlopen(f"{url}/health", timeout=10).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _noted() -> dict[str, str] | None:
    try:
        known: dict[str, str] = json.loads(_note().read_text())
    except (OSError, ValueError):
        return None
    return known


def _note() -> Path:
    return home() / "sluice-server.json"


def _free_port() -> int:
    """Any free one. Two servers of two homes that start at once would both find Prefect's own 4200 free, and the one
    that came second would take the first one's answers for its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
