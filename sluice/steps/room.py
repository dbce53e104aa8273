"""Room in memory: a piece of work takes what it needs and waits until that is free; and what it cost, while it ran.

How much a process holds is the process's own affair, so this is one account for all its threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from itertools import accumulate
from typing import Any, ParamSpec, TypeVar

from sluice.lake.table import ActiveFile, Snapshot
from sluice.ops import memory
from sluice.ops.memory import MB, Cap
from sluice.steps.workspace import Workspace

P = ParamSpec("P")
F = TypeVar("F")

_SAMPLE = 1_000  # rows

_changed = threading.Condition()
_taken = 0
_working: list[Cost] = []
_counted = 0.0  # CPU seconds that were shared out


@dataclass(eq=False)
class Cost:
    """Of one piece of work. CPU seconds are the process's, shared equally between all that ran at the time: Polars
    works for everybody on the same threads."""

    cap: int
    began: float
    cpu: float = 0.0
    ended: float = 0.0
    peak: int = 0  # the most that the process had held by then

    def facts(self) -> dict[str, Any]:
        sizes = {"peak_mb": self.peak // MB, "cap_mb": self.cap // MB}
        return {"cpu_s": self.cpu, "began": self.began, "ended": self.ended, **sizes}


@contextmanager
def taken(cap: Cap, need: int) -> Iterator[Cost]:
    """Waits until `need` bytes are free. Whoever needs more than there is works alone: refusing it is its plan's."""
    global _taken
    need = min(need, cap.working)
    with _changed:
        _changed.wait_for(lambda: not _taken or _taken + need <= cap.working)
        _taken += need
        _share_out()
        cost = Cost(cap.bytes, time.time())
        _working.append(cost)
    try:
        yield cost
    finally:
        with _changed:
            _share_out()
            _working.remove(cost)
            cost.ended, cost.peak = time.time(), memory.peak()
            _taken -= need
            _changed.notify_all()


def within(need: Callable[[Any], int]) -> Callable[[Callable[P, F]], Callable[P, F]]:
    """A step that takes as much as its plan says, and whose fact says what it cost."""

    def measured(step: Callable[P, F]) -> Callable[P, F]:
        @wraps(step)
        def run(*arguments: P.args, **named: P.kwargs) -> F:
            ws, plan, *_ = arguments
            assert isinstance(ws, Workspace)
            with taken(ws.memory, need(plan)) as cost:
                done = step(*arguments, **named)
            if elsewhere := getattr(done, "cost", None):  # of a process of its own
                cost.cpu += elsewhere["cpu_s"]
                cost.peak = max(cost.peak, memory.resident() + elsewhere["peak"])
            return replace(done, cost=cost.facts())  # type: ignore[type-var]

        return run

    return measured


def total(costs: Iterable[Mapping[str, Any]], rows: int, size: int) -> dict[str, Any]:
    """What a stage cost, of the costs of its parts: these may have run side by side, and in several processes."""
    each = [cost for cost in costs if cost]
    if not each:
        return {}
    return {
        "rows": rows,
        "bytes": size,
        "pieces": len(each),
        "at_a_time": _most_at_once(each),
        "cpu_s": round(sum(cost["cpu_s"] for cost in each), 2),
        "wall_s": round(max(cost["ended"] for cost in each) - min(cost["began"] for cost in each), 2),
        "peak_mb": max(cost["peak_mb"] for cost in each),
        "cap_mb": max(cost["cap_mb"] for cost in each),
    }


def _most_at_once(costs: Sequence[Mapping[str, Any]]) -> int:
    changes = sorted([(cost["began"], 1) for cost in costs] + [(cost["ended"], -1) for cost in costs])
    return max(accumulate(change for _, change in changes))


def row_bytes(table: Snapshot, files: Sequence[ActiveFile]) -> int:
    """What a row of these files takes in memory. Some rows of the file with the longest ones are looked at: how long
    texts are is in no schema. Compressed, a row of any other file is no larger than that."""
    filled = [file for file in files if file.rows]
    if not filled:
        return 1
    longest = max(filled, key=lambda file: file.size / file.rows)
    sample = table.scan([longest]).head(_SAMPLE).collect()
    return max(-(-int(sample.estimated_size()) // sample.height), -(-longest.size // longest.rows), 1)


def _share_out() -> None:
    global _counted
    now = time.process_time()
    for cost in _working:
        cost.cpu += (now - _counted) / len(_working)
    _counted = now
