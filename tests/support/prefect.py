"""One Prefect server per test run, with a home of its own; runs are then looked up in it as the UI would.

Started through the CLI's own code, which tests it too. Prefect may have been imported before, by a test that loads
flows: its settings are therefore also entered as a context.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import _prefect


@dataclass(frozen=True)
class Server:
    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**_prefect.DEFAULTS, "PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.url}

    def flow_runs(self) -> list[Any]:
        """Newest first."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.sorting import FlowRunSort

        with get_client(sync_client=True) as client:
            return list(client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=200))

    def flow_run(self, run: str) -> Any:
        """The flow run that was given this name of a run as its parameter."""
        return next(each for each in self.flow_runs() if each.parameters.get("run") == run)

    def artifact_of(self, run: Any, key: str) -> str:
        """What a flow run left under that key, as the UI shows it: markdown."""
        from prefect.client.orchestration import get_client

        chosen = {"flow_run_id": {"any_": [str(run.id)]}, "key": {"any_": [key]}}
        with get_client(sync_client=True) as client:
            (found,) = client._client.post("/artifacts/filter", json={"artifacts": chosen}).json()
        return str(found["data"])

    def limit(self, name: str) -> Any:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            return client.read_global_concurrency_limit_by_name(name)

    def forget_limit(self, name: str) -> None:
        """The next run makes it anew."""
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            client.delete_global_concurrency_limit_by_name(name)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="sluice-prefect-"))
    before = dict(os.environ)
    os.environ.pop("PREFECT_API_URL", None)
    os.environ["PREFECT_HOME"] = str(home)
    try:
        server = Server(_prefect.use_server(), home)
        os.environ |= server.environment
        from prefect.events.worker import EventsWorker
        from prefect.logging.handlers import APILogWorker
        from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

        with temporary_settings({PREFECT_API_URL: server.url, PREFECT_HOME: home}):
            yield server
            # What it still has to tell the server it would try to tell for a minute after the server's end.
            APILogWorker.drain_all()
            EventsWorker.drain_all()
    finally:
        _prefect.stop()
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ |= before
        shutil.rmtree(home, ignore_errors=True)
