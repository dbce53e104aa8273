"""How flows run: on how many threads, with which log, as scripts."""

from __future__ import annotations

import inspect
import logging
import sys
from typing import Any

from prefect import Flow
from prefect.task_runners import ThreadPoolTaskRunner

from sluice.errors import SluiceError
from sluice.settings import load
from tasks._limits import give_back_all


class Threads(ThreadPoolTaskRunner[Any]):
    """A Ctrl-C does not wait for what the threads still read: it is not committed, and the next run reads it again."""

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if exc_type is not None and not issubclass(exc_type, Exception) and self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None
            give_back_all()
        super().__exit__(exc_type, exc_value, traceback)


def task_runner() -> Any:
    """Bounded threads: Prefect's default is as many as there are tasks, and memory goes with them. Or Dask."""
    settings = load()
    if settings.runner == "threads":
        return Threads(max_workers=settings.workers)
    from tasks import _workers  # only who asks for Dask pays for its import, and needs it

    return _workers.local(settings) if settings.runner == "dask" else _workers.Workers(address=settings.runner)


def by_hand(flow: Flow[..., Any], *arguments: Any) -> int:
    """Runs a flow file as a script; the exit code goes by the error's disposition."""
    takes = inspect.signature(flow.fn)
    try:
        takes.bind(*arguments)
    except TypeError as error:
        names = " ".join(n if p.default is p.empty else f"[{n}]" for n, p in takes.parameters.items())
        print(f"{error}\nUsage: python {sys.argv[0]} {names}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        flow(*arguments)
    except SluiceError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def _without_traceback(record: logging.LogRecord) -> bool:
    """An error of ours is a sentence with a place and a remedy; only a bug needs its traceback."""
    if record.exc_info and isinstance(record.exc_info[1], SluiceError):
        record.exc_info = None
    return True


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_without_traceback)
