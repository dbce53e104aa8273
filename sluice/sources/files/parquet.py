"""Parquet from outside, parsed by a child process.

27 of 141 fuzzed Parquet files made the reader panic and one aborted the process, so no such file is opened in ours.
The child (`parquet_child.py`) has a time and a memory limit, no secrets in its environment, and turns the file
into Arrow IPC pieces of its own making, in the contract's types; only these are read here. One child serves many
files: a start costs 0.3 s, more than most files. It is started afresh after a crash, and ends with its owner.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

import sluice
from sluice.errors import Broken
from sluice.model.source import FilesSource
from sluice.sources.files.frames import finish, landing_names, typed_schema

_LOOK = 0.05  # seconds between two looks at what the child needs
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT")


class Parser:
    """Asks the child. A file goes over as an open descriptor: no name is resolved twice."""

    def __init__(self, source: FilesSource) -> None:
        self.source = source
        self._child: _Child | None = None
        self._lock = threading.Lock()

    def read(self, file: BinaryIO, uri: str, room: Path) -> Iterator[pl.DataFrame]:
        """All or nothing: the first frame comes only after the child has converted the whole file."""
        columns = self.source.columns
        with self._lock:
            header = self._ask({"do": "header"}, file, uri)["names"]
            names = landing_names(
                header, columns, uri, f"the file has {', '.join(header)[:1000]}", self.source.unknown_columns == "keep"
            )
            types = [str(columns[name].parsed) if name in columns else None for name in names]
            wanted = {"columns": list(zip(header, names, types)), "timezone": self.source.timezone, "room": str(room)}
            pieces = self._ask({"do": "convert", **wanted}, file, uri)["pieces"]
        schema = typed_schema(columns)
        for path in map(room.joinpath, pieces):
            yield finish(pl.read_ipc(path), schema, uri, None)
            path.unlink()

    def _ask(self, request: dict[str, Any], file: BinaryIO, uri: str) -> dict[str, Any]:
        if self._child is None or not self._child.alive:
            self._child = _Child(self.source.parse_memory_mb, self.source.max_bytes)
        answer = self._child.ask(request, file, self.source.parse_seconds)
        if problem := answer.get("problem"):
            raise Broken(problem, answer["what"], uri, "ask the source's owner for a file that other readers open")
        return answer


class _Child:
    def __init__(self, memory_mb: int, disk: int) -> None:
        kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
        root = str(Path(sluice.__file__).parent.parent)
        self.memory_mb = memory_mb
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_end`, with the child
        self.line, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sluice.sources.files.parquet_child", str(memory_mb), str(disk)],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            env=kept | {"PYTHONPATH": root, "POLARS_MAX_THREADS": "2"},
            start_new_session=True,
        )
        theirs.close()
        self._end = weakref.finalize(self, _end, self.process, self.line, self.errors)

    @property
    def alive(self) -> bool:
        return self._end.alive

    def ask(self, request: dict[str, Any], file: BinaryIO, seconds: float) -> dict[str, Any]:
        """The child's answer; a crash, a hang or too much memory is an answer too, and the child's last."""
        until, got, why = time.monotonic() + seconds, b"", ""
        try:
            socket.send_fds(self.line, [json.dumps(request).encode() + b"\n"], [file.fileno()])
            while not got.endswith(b"\n") and not why:
                if select.select([self.line], [], [], _LOOK)[0]:
                    if not (block := self.line.recv(1 << 16)):
                        raise ConnectionResetError
                    got += block
                elif time.monotonic() > until:
                    why = f"the parser did not finish within {seconds:g} s"
                elif _resident_mb(self.process.pid) > self.memory_mb:
                    why = f"the parser needs more than {self.memory_mb} MB"
        except ConnectionError:
            self.process.kill()
            why = f"the parser crashed ({self._last_words()})"
        if not why:
            answer: dict[str, Any] = json.loads(got)
            return answer
        self._end()
        return {"problem": "file.unreadable", "what": why}

    def _last_words(self) -> str:
        code = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        return f"exit {code}{f': {said[-1][:300]}' if said else ''}"


def _resident_mb(pid: int) -> int:
    """The limit on address space is too coarse: a Polars that has done nothing yet reserves 1.1 GB and uses 66 MB."""
    statm = Path(f"/proc/{pid}/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() >> 20 if statm.exists() else 0


def _end(process: subprocess.Popen[bytes], line: socket.socket, errors: BinaryIO) -> None:
    process.kill()
    process.wait()
    line.close()
    errors.close()
