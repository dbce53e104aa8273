"""The only place that makes Prefect tasks: which steps retry, for how long, and what a retried run may skip.

    network   touches a source: retried on Transient errors, with jitter, as often as its contract says
    lake      touches our own storage: retried on Transient errors, briefly
    pure      computes: never retried, as the same input fails the same way

Retries live here and inside a connector's request loop, nowhere else: no flow retries, as `@flow(retries=)` cannot
tell a refusal from an outage. A 405 that three mechanisms retried, of which one knew it was permanent, was once
asked for 5,363 times.

Nor are time-outs: tasks run in threads, which Prefect cannot interrupt; it says so in a warning per task, and fails the
task when it has ended well. Connectors have deadlines of their own: a statement's, a split's, a file's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.futures import PrefectFuture
from prefect.results import get_result_store
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote

from sluice.errors import SluiceError, Transient
from sluice.model.source import Retry

P = ParamSpec("P")
R = TypeVar("R")

# Prefect's default keeps results and hands them out again to the same inputs in the same flow run: a plan made anew
# after a conflict was the old plan, and met the same conflict.
_AFRESH: dict[str, Any] = {"persist_result": False, "cache_policy": NO_CACHE}
_KEPT = timedelta(days=1)


def is_worth_retrying(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Only Transient errors, and not those that a connector has tried as often as the contract says already.

    A source's own Retry-After is slept by the connector, which knows the deadline.
    """
    return may_pass(state.result(raise_on_failure=False))


def may_pass(error: BaseException) -> bool:
    """Whether the same may go well a little later."""
    return isinstance(error, Transient) and not is_conflict(error) and "attempts" not in error.facts


def delays(retry: Retry) -> list[float]:
    """The contract's backoff as Prefect wants it."""
    first, cap = retry.first.total_seconds(), retry.cap.total_seconds()
    return [min(first * 2**n, cap) for n in range(retry.attempts - 1)]


def once_a_flow_run(work: Callable[[], dict[str, Any]], *known: Any) -> dict[str, Any]:
    """What `work` gives, kept under what is known before: tried again, a flow run or a task goes on with what is
    staged. Another flow run does it afresh: it would else hand yesterday's staged file to today's full snapshot.
    """
    key = hashlib.sha256(json.dumps([flow_run.id, *known], sort_keys=True, default=str).encode()).hexdigest()
    store = get_result_store()
    if store.exists(key):
        kept: dict[str, Any] = store.read(key).result
        return kept
    facts = work()
    store.write(facts, key=key, expiration=datetime.now(UTC) + _KEPT)  # type: ignore[arg-type]
    return facts


def as_it_is(value: R) -> R:
    """An argument that Prefect does not look through for futures: that costs 10 microseconds for each thing in it, and
    plans and parts have tens of thousands."""
    return quote(value)  # type: ignore[return-value]


def outcome(future: PrefectFuture[Any]) -> Any | SluiceError:
    """A future's value, or the Sluice error it ended in; a bug is raised."""
    future.wait()
    value = future.state.result(raise_on_failure=False)
    if isinstance(value, BaseException) and not isinstance(value, SluiceError):
        raise value
    return value


def value(future: PrefectFuture[Any]) -> Any:
    """A future's value; its error is raised."""
    found = outcome(future)
    if isinstance(found, SluiceError):
        raise found
    return found


def is_conflict(error: SluiceError) -> bool:
    """Another run did the same work at the same time: plan anew."""
    return error.code == "lake.conflict"


def network(task_run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    return task(
        task_run_name=task_run_name,
        retry_jitter_factor=0.5,
        retry_condition_fn=is_worth_retrying,  # how often and after how long is the contract's: see `as_agreed`
        result_serializer="json",
        cache_result_in_memory=False,  # of a thousand results, and not for several threads: the 1,001st split failed
        **_AFRESH,
    )


def as_agreed(task: Task[P, R], retry: Retry) -> Task[P, R]:
    """The task with the retries of a source's contract."""
    return task.with_options(retries=retry.attempts - 1, retry_delay_seconds=delays(retry))


def lake(task_run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    return task(
        task_run_name=task_run_name,
        retries=3,
        retry_delay_seconds=[1, 4, 15],
        retry_jitter_factor=0.5,
        retry_condition_fn=is_worth_retrying,
        **_AFRESH,
    )


def pure(task_run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    return task(task_run_name=task_run_name, **_AFRESH)
