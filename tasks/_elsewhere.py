"""A task on a worker of a cluster: is this the flow's lake, catalog and code; and who hears what is said here?

A worker has an environment and an installation of its own. Where they differ from the flow's, half of a result would
lie where nobody looks, or be made by other rules. So each worker looks once per run, before it touches anything.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, update_wrapper
from importlib.metadata import version
from pathlib import Path
from typing import Any

import distributed
from prefect.runtime import flow_run

import sluice
from sluice.errors import Misconfigured
from sluice.lake import naming, sign
from sluice.settings import load
from sluice.steps.workspace import Workspace
from tasks._workspace import given, given_settings, workspace

TOPIC = "sluice"


@dataclass(frozen=True)
class Home:
    """Where the flow is at home: what its workers must share with it."""

    lake: str
    sign: str
    catalog: str
    code: str
    settings: tuple[tuple[str, Any], ...]  # those that are the run's and not the machine's: its clock and its actor


def home() -> Home:
    """Of this flow run. Leaves a sign in the lake, to be taken away when the run is over."""
    ws = workspace()
    return Home(ws.lake.root, sign.leave(ws.lake), _catalog(ws), _CODE, given_settings(ws))


class Sent:
    """A task's function as a worker calls it. It travels with the task, so workers need not be told anything before."""

    def __init__(self, function: Callable[..., Any], home: Home) -> None:
        self.function, self.home = function, home
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with given((*self.home.settings, *_share())):
            _speak_up()
            refuse_another(self.home)
            return self.function(*args, **kwargs)


@lru_cache(maxsize=1)
def _share() -> tuple[tuple[str, Any], ...]:
    """This worker's threads, and of the memory that Dask gives it so much that Dask does not pause it."""
    worker = distributed.get_worker()
    limit = worker.memory_manager.memory_limit
    memory = (("memory", str(int(limit * 0.75))),) if limit and not load().memory else ()
    return (("workers", worker.state.nthreads), *memory)


@lru_cache(maxsize=64)  # a refusal is not kept: somebody may mend the worker's catalog
def refuse_another(home: Home) -> None:
    """Misconfigured where this process works on another lake, catalog or code than the flow."""
    if home.code != _CODE:
        raise _differs("code or versions of Polars and Delta", "Install what the flow has, and restart the worker.")
    ws = workspace()
    if not sign.is_seen(ws.lake, home.sign):
        remedy = "Give the worker the flow's SLUICE_LAKE and SLUICE_STORAGE; a folder must be on a disk both see."
        raise _differs(f"lake, {ws.lake.root} and not the flow's {home.lake}", remedy)
    if home.catalog != _catalog(ws):
        raise _differs(f"catalog in {ws.catalog.root}", "Give the worker the flow's SLUICE_CATALOG, in its state.")


def _differs(what: str, remedy: str) -> Misconfigured:
    return Misconfigured("workers.differ", f"a worker has another {what}", platform.node(), remedy)


def _catalog(ws: Workspace) -> str:
    contracts = (f"{name}={ws.catalog.contract(name).hash}" for name in sorted(ws.catalog.documents))
    code = (f"{name}={ws.catalog.code_hash(name)}" for name in sorted(ws.catalog.products))
    return naming.digest(*contracts, *code)


def _code() -> str:
    """Of what this process runs, as it was loaded: a worker that outlives an edit is refused. Rows are digested by
    Polars, whose versions and builds need not agree."""
    files = sorted(path for folder in (sluice.__file__, __file__) for path in Path(folder or "").parent.rglob("*.py"))
    return naming.digest(
        version("polars"), version("deltalake"), platform.machine(), *(path.read_text("utf-8") for path in files)
    )


_CODE = _code()


class _ToTheFlow(logging.Handler):
    """What the core says on a worker is said again where the flow runs."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            distributed.get_worker().log_event(
                TOPIC,
                {
                    "run": str(flow_run.id or ""), "logger": record.name, "level": record.levelno,
                    "text": record.getMessage(), "milestone": getattr(record, "milestone", False),
                },
            )  # fmt: skip
        except Exception:  # noqa: BLE001 - a log line must not stop what it tells of
            self.handleError(record)


@lru_cache(maxsize=1)
def _speak_up() -> None:
    """Once per worker: the core's log goes to the flow, and with Prefect's own to its server."""
    logger = logging.getLogger("sluice")
    logger.setLevel(logging.INFO)
    for handler in (*logging.getLogger("prefect.extra").handlers, _ToTheFlow(logging.INFO)):
        if handler not in logger.handlers:
            logger.addHandler(handler)
