"""Dask runs the tasks, on worker processes of this machine or of others. Imported only where a setting asks for it.

What a flow gets back are the small facts that tasks hand over, as soon as each is there: a worker that is killed later
costs what it was working on, and nothing that it had done.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from copy import copy
from threading import Event
from typing import Any

import distributed
from distributed.scheduler import KilledWorker
from prefect import State, Task
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.utilities.annotations import quote
from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture

from sluice.errors import Misconfigured, SluiceError, Transient
from sluice.lake import sign
from sluice.settings import Settings, load
from sluice.steps.milestones import count, say
from tasks import land
from tasks._elsewhere import TOPIC, Home, Sent, home
from tasks._running import Threads
from tasks._workspace import workspace

_SILENT = logging.CRITICAL + 1
_LOOKS_EVERY = 10.0  # seconds, for whether any worker is left


class Workers(DaskTaskRunner):
    """Prefect's runner for Dask, with workers that must be at home here and whose losses are told in our words."""

    _home: Home | None = None
    _threads: Threads | None = None
    loss: SluiceError | None = None  # of the scheduler: nothing more is sent, and Dask's client not waited for
    _run = ""

    def submit(  # type: ignore[override]
        self,
        task: Task[..., Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, Any] | None = None,
    ) -> PrefectFuture[Any]:
        if self.loss is not None:
            raise self.loss
        parameters = {name: _plain(each) for name, each in parameters.items()}
        for before in wait_for or ():
            before.wait()
        if _is_spaced(task, parameters):
            return self._threads_here().submit(task, parameters, dependencies=dependencies)
        sent = copy(task)
        sent.fn = Sent(task.fn, self._at_home())
        try:
            future = self.client.submit(  # type: ignore[no-untyped-call]
                sent, parameters=parameters, dependencies=dependencies, return_type="state"
            )  # fmt: skip
        except (OSError, distributed.client.ClosedClientError) as error:
            raise _lost(f"the scheduler does not answer: {error}", self.address or "") from error
        return Reply(task.name, future, self)

    def _threads_here(self) -> Threads:
        if self._threads is None:
            self._threads = self._exit_stack.enter_context(Threads(max_workers=load().workers))
        return self._threads

    def _at_home(self) -> Home:
        """Connects, and says where the flow is at home, when the first task is sent."""
        if self._home is None:
            logging.getLogger("distributed").setLevel(_SILENT)  # what it tells of lost workers we say ourselves
            try:
                client = self.client
            except OSError as error:
                raise _lost(f"the scheduler does not answer: {error}", self.address or "") from error
            self._run = str(flow_run.id or "")
            for topic, hear in ((TOPIC, self._say_again), ("all", _tell_of_losses)):
                client.subscribe_topic(topic, hear)  # type: ignore[no-untyped-call]
                self._exit_stack.callback(_unsubscribe, client, topic)
            self._home = home()
            self._exit_stack.callback(sign.take_away, workspace().lake, self._home.sign)
        return self._home

    def _say_again(self, event: tuple[float, dict[str, Any]]) -> None:
        """What a worker said. Its own Prefect has told the server already, under the task's name."""
        said = event[1]
        if said["run"] not in ("", self._run):
            return
        logger = logging.getLogger(said["logger"])
        if logger.isEnabledFor(said["level"]):
            extra = {"milestone": said["milestone"], "send_to_api": False}
            record = logger.makeRecord(logger.name, said["level"], "", 0, said["text"], (), None, extra=extra)
            logger.handle(record)


class Reply(PrefectDaskFuture[Any]):
    """A task's final state, taken over as soon as it is there.

    Dask keeps what was done in the memory of the worker that did it, and does it again when that worker is lost.
    """

    def __init__(self, name: str, future: Any, runner: Workers) -> None:
        super().__init__(task_run_id=future.task_run_id, wrapped_future=future)
        self._name, self._runner = name, runner
        self._there = Event()
        self._error: BaseException | None = None
        future.add_done_callback(self._take_over)

    def wait(self, timeout: float | None = None) -> None:
        if timeout is not None:
            self._there.wait(timeout)
            return
        alone = False
        while not self._there.wait(_LOOKS_EVERY):
            if not alone and _is_deserted(self._runner.client):
                alone = True
                say("no worker is there: %s waits for one", self._name)
            elif alone:
                alone = _is_deserted(self._runner.client)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        self.wait(timeout)
        return self.state.result(raise_on_failure=raise_on_failure)

    @property
    def state(self) -> State[Any]:
        if not self._there.is_set():
            return super().state
        if self._error is not None:
            raise self._error
        assert self._final_state is not None
        return self._final_state

    def _take_over(self, future: Any) -> None:
        try:
            self._final_state = future.result()
        except Exception as error:  # noqa: BLE001 - it is raised in the flow's own thread
            found = _in_our_words(self._name, error)
            if isinstance(found, SluiceError):
                self._final_state = Failed(message=str(found), data=found)
                if isinstance(error, distributed.CancelledError):
                    self._runner.loss = found
            else:
                self._error = found
        finally:
            self._there.set()
            future.release()


def local(settings: Settings) -> Workers:
    """Worker processes of this machine, for one run: one for each core, each with its share of threads."""
    processes = min(settings.workers, os.cpu_count() or 1)
    return Workers(
        cluster_kwargs={
            "n_workers": processes,
            "threads_per_worker": -(-settings.workers // processes),
            "memory_limit": 0,  # Sluice keeps to its own
            "env": {"SLUICE_MEMORY": str(settings.cap().bytes // processes)},
            "dashboard_address": ":0",  # `None` means 8787, which another flow may have
            "silence_logs": _SILENT,
        }
    )


def _plain(parameter: Any) -> Any:
    """Without Prefect's quotation marks: they are tuples, which Dask takes apart and puts together as plain ones."""
    if isinstance(parameter, PrefectFuture):
        return parameter.result()
    return parameter.unwrap() if isinstance(parameter, quote) else parameter


def _is_spaced(task: Task[..., Any], parameters: dict[str, Any]) -> bool:
    """Whether this asks a source that allows so many requests in a time: only one process can space them."""
    if task.fn.__module__ != land.__name__:
        return False
    source = parameters["plan"]["source"] if "plan" in parameters else parameters["source"]
    return workspace().catalog.source(source).limits.rate is not None


def _tell_of_losses(event: tuple[float, Any]) -> None:
    what = event[1]
    if isinstance(what, dict) and what.get("action") == "remove-worker" and not what.get("expected"):
        again = len(what["processing-tasks"]) + len(what["lost-computed-tasks"])
        say("worker %s is lost: %s for others to do", what["worker"], count(again, "task"))


def _unsubscribe(client: distributed.Client, topic: str) -> None:
    """Before the client closes: the scheduler would complain of a hearer that is gone."""
    with suppress(distributed.client.ClosedClientError):
        client.unsubscribe_topic(topic)  # type: ignore[no-untyped-call]


def _is_deserted(client: distributed.Client) -> bool:
    try:
        return not client.scheduler_info()["workers"]
    except (OSError, ValueError):
        return False  # that is the scheduler's loss, and is told as such


def _in_our_words(task: str, error: BaseException) -> BaseException:
    if isinstance(error, KilledWorker):
        what = f"{error.allowed_failures + 1} workers were killed while each worked on {task}"
        return _lost(what, error.last_worker.address, "Most often it is memory: give workers more, or less at a time.")
    if isinstance(error, distributed.CancelledError):
        return _lost(f"the scheduler was lost while {task} was under way", "")
    if isinstance(error, ImportError):
        remedy = "Install the checkout on every worker as it is here, with the same requirements."
        return Misconfigured("workers.differ", f"a worker cannot load {task}: {error}", "", remedy)
    return error


def _lost(what: str, where: str, remedy: str = "") -> Transient:
    return Transient("workers.lost", what, where, remedy or "Start it and its workers, and run again: nothing is lost.")
