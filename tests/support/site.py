"""A place to run `sluice` in: a lake of its own, sources, and the command line in this process or in others."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sluice.lake import ledger
from sluice.settings import load
from sluice.steps.workspace import Workspace
from tests.support.repository import ROOT

SLUICE = [sys.executable, "-m", "sluice.cli.main"]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        return json.loads(self.out)


@dataclass
class Site:
    """`environment` is what a person would have exported before calling `sluice`."""

    folder: Path
    environment: dict[str, str]

    def sluice(self, *args: str) -> Result:
        """In this process: importing Great Expectations costs five CPU seconds, which one process pays once."""
        from sluice.cli.main import call

        out, err = io.StringIO(), io.StringIO()
        with exported(self.environment), redirect_stdout(out), redirect_stderr(err):
            code = call(list(args))
        return Result(code, out.getvalue(), err.getvalue())

    def start(self, *command: str, cwd: Path | None = None, **more: str) -> subprocess.Popen[str]:
        """A process of its own: `start(*SLUICE, "run", …)`, with default signal handling."""
        return subprocess.Popen(
            command, cwd=cwd or ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=_plain_environment() | self.environment | more,
        )  # fmt: skip

    def run(self, *command: str, cwd: Path | None = None, **more: str) -> Result:
        return finished(self.start(*command, cwd=cwd, **more))

    @property
    def workspace(self) -> Workspace:
        with exported(self.environment):
            return Workspace.of(load())

    def versions(self) -> dict[str, int]:
        """Every table of the lake with its newest version."""
        lake, found = self.workspace.lake, {}
        for layer in ("bronze", "silver", "quarantine", "gold"):
            for name in lake.names(layer):
                snapshot = lake.table(layer, name).snapshot()
                assert snapshot is not None
                found[f"{layer}.{name}"] = snapshot.version
        return found

    def files(self, layer: str, name: str) -> dict[str, bytes]:
        """Every live file of a table, byte by byte."""
        snapshot = self.workspace.lake.table(layer, name).snapshot()
        uri = Path(self.environment["SLUICE_LAKE"], layer, name)
        return {f.path: (uri / f.path).read_bytes() for f in snapshot.files()} if snapshot else {}

    def rows(self, layer: str, name: str) -> pl.DataFrame:
        snapshot = self.workspace.lake.table(layer, name).snapshot()
        assert snapshot is not None
        return snapshot.scan().collect()

    def commits(self, layer: str, name: str) -> list[dict[str, Any]]:
        """What each commit of a table says of itself, newest first."""
        return [entry.facts for entry in ledger.entries(self.workspace.lake.table(layer, name).snapshot())]

    def days(self, source: str) -> dict[str, dict[str, int]]:
        """Per day what refining counted last: in, silver, quarantined, superseded."""
        counts: dict[str, dict[str, int]] = {}
        for facts in reversed(self.commits("silver", source)):
            counts |= facts.get("counts", {})
        return counts


def finished(process: subprocess.Popen[str], within: float = 120) -> Result:
    try:
        out, err = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{process.args!r} did not end within {within} s\n{out}\n{err}") from None
    return Result(process.returncode, out, err)


@contextmanager
def exported(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ |= environment
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ |= before


@contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """Not tmp_path: pytest's folders are closed to others, and as root in a container PostgreSQL runs as `nobody`."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plain_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "PREFECT_", "COV_"))}
