"""Runs a flow for a command and tells, from the lake, what became of it."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from sluice.cli import _prefect, _show


def call(flow: str, parameters: dict[str, Any], *, quiet: bool, verbose: bool) -> None:
    """Calls `flows.<flow>` as plain Python; raises the SluiceError that the run ended in.

    The server is asked for before: what stops there has stopped before there was a run.
    """
    from importlib import import_module

    function: Callable[..., Any] = getattr(import_module(f"flows.{flow}"), flow)
    if not verbose:  # the run's log is in the UI; here people see milestones
        for name in ("prefect.flow_runs", "prefect.task_runs", "prefect.engine"):
            logging.getLogger(name).handlers = [
                h for h in logging.getLogger(name).handlers if "Console" not in type(h).__name__
            ]
    # Polars' own SIGINT handler lets the main thread sleep on while it waits for tasks: Ctrl-C would be without effect.
    signal.siginterrupt(signal.SIGINT, True)
    with ExitStack() as around:
        if _prefect.is_ours(os.environ.get("PREFECT_API_URL", "")):  # whoever runs a server may watch heartbeats there
            around.enter_context(import_module("tasks._heartbeat").no_heartbeat())
        around.enter_context(_show.progress(quiet=quiet or verbose))
        function(**parameters)
