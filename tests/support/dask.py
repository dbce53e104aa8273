"""A Dask scheduler and its workers, each a process of its own, as on a cluster."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.repository import ROOT
from tests.support.site import Site, _plain_environment


@dataclass
class Cluster:
    """Workers get what a person would have exported on their machine."""

    site: Site
    scheduler: subprocess.Popen[str]
    address: str
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """For a run on these workers."""
        return {"SLUICE_RUNNER": self.address}

    def add_worker(self, threads: int = 2, **more: str) -> subprocess.Popen[str]:
        worker = _start(
            self.site, "dask_worker", self.address, "--nthreads", str(threads), "--no-nanny",
            "--local-directory", str(self.site.folder), more=more,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def kill_scheduler(self) -> None:
        self.scheduler.kill()
        self.scheduler.wait()


@contextmanager
def cluster(site: Site) -> Iterator[Cluster]:
    """A scheduler without workers. All are killed in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    scheduler = _start(site, "dask_scheduler", "--host", "127.0.0.1", "--port", port)
    made = Cluster(site, scheduler, f"tcp://127.0.0.1:{port}")
    try:
        yield made
    finally:
        for process in (*made.workers, scheduler):
            process.send_signal(signal.SIGKILL)
            process.wait()


def _start(site: Site, command: str, *arguments: str, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    log = (site.folder / f"{command}.log").open("ab")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{command}", *arguments, "--dashboard-address", ":0"],
            cwd=ROOT, env=_plain_environment() | site.environment | (more or {}), text=True,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
