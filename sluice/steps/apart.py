"""A build in a process of its own: what a transform takes when Polars streams it, nobody can tell before.

The parent watches. A child that would take the process over its cap is ended, and the run says so; without it the
kernel would end the run. The plan goes in and the candidate comes out as JSON, as between any two workers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from sluice.errors import Misconfigured, SluiceError
from sluice.ops import memory
from sluice.steps.milestones import span
from sluice.steps.workspace import Workspace

_LOOKS_EVERY = 0.05  # seconds
_TOLD_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # by a person or a deployment, as the parent is


def answer(ws: Workspace, plan: Any, labels: Sequence[str]) -> dict[str, Any]:
    """The candidate's facts. Misconfigured where it held too much."""
    request = {
        "lake": ws.lake.root, "storage": ws.lake.storage, "catalog": str(ws.catalog.root), "plan": plan.as_dict(),
        "labels": list(labels), "memory": ws.memory.bytes, "parent": os.getpid(),
    }  # fmt: skip
    left, most = ws.memory.bytes - memory.resident(), 0
    what = f"building {plan.product} {span(labels)} by the streaming engine"
    child = subprocess.Popen(
        [sys.executable, "-m", "sluice.steps.apart"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        text: bytes | None = json.dumps(request).encode()
        while True:
            with suppress(subprocess.TimeoutExpired):
                said, _ = child.communicate(text, timeout=_LOOKS_EVERY)
                break
            text = None  # what is not sent yet, it keeps
            most = max(most, memory.resident(child.pid))
            if most > left:
                raise _too_much(f"{what} took {memory.said(most)}, and {memory.said(left)} were left for it", ws, plan)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if -child.returncode in _TOLD_TO_STOP:
        raise RuntimeError(f"{what} was told to stop")
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise _too_much(f"{what} ended by {name} when it held {memory.said(most)}", ws, plan)
    if child.returncode:
        raise RuntimeError(f"{what} stopped with {child.returncode}; its traceback is on standard error")
    found = json.loads(said)
    if error := found.get("error"):
        kinds = {kind.disposition: kind for kind in SluiceError.__subclasses__()}
        raise kinds[error["disposition"]](error["code"], error["what"], error["where"], error["remedy"])
    return dict(found)


def _too_much(what: str, ws: Workspace, plan: Any) -> Misconfigured:
    return Misconfigured(
        "memory.too_small",
        f"{what} ({ws.memory.of}: {memory.said(ws.memory.bytes)})",
        str(ws.catalog.path_of(plan.product)),
        "Raise SLUICE_MEMORY, or let transform.py hold less: select columns and aggregate before it joins or sorts. "
        "Readers keep the previous version.",
    )


def _end_with(parent: int) -> None:
    """A parent that was killed watches no more, and nobody is left to read the answer."""
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY)
    os._exit(1)


def main() -> None:
    from sluice.catalog import load
    from sluice.lake.table import Lake
    from sluice.sources.base import Reach
    from sluice.steps import build

    answers = os.dup(1)
    os.dup2(2, 1)  # a transform may print
    asked = json.load(sys.stdin)
    Thread(target=_end_with, args=(asked["parent"],), daemon=True).start()
    ws = Workspace(
        lake=Lake(asked["lake"], asked["storage"]),
        catalog=load(Path(asked["catalog"])),
        reach=Reach(address=lambda name: "", secret=lambda name: ""),  # a build reads the lake and nothing else
        memory=memory.Cap(asked["memory"]),
    )
    try:
        found = build.staged(ws, build.BuildPlan.from_dict(asked["plan"]), asked["labels"]).as_dict()
        found["cost"] = {"cpu_s": time.process_time(), "peak": memory.peak()}
    except SluiceError as error:
        found = {"error": error.as_dict()}
    with open(answers, "w") as out:  # noqa: PTH123 - a descriptor, not a path
        json.dump(found, out)


if __name__ == "__main__":
    main()
