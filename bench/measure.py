"""What a piece of work costs: CPU seconds of the process and the most memory it held, stage by stage.

CPU and not wall time is the evidence: the machines this runs on are small and shared. A server that the work talks to
is another process and does not count.
"""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
deadline = math.inf  # on the monotonic clock: when the case that runs should come to its end


@dataclass
class Cost:
    """One stage, or the whole."""

    cpu: float  # seconds, user and system
    wall: float
    peak_mb: float
    rows: int = 0


@dataclass
class Report:
    """What a measured process hands back."""

    stages: dict[str, Cost] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    whole: Cost | None = None  # imports and the interpreter's start are part of it

    @contextmanager
    def stage(self, name: str) -> Iterator[Cost]:
        """Adds up over several uses of one name."""
        _forget_peak()
        cost = Cost(0, 0, 0)
        cpu, wall = _cpu(), time.monotonic()
        yield cost
        before = self.stages.setdefault(name, Cost(0, 0, 0))
        before.cpu += _cpu() - cpu
        before.wall += time.monotonic() - wall
        before.peak_mb = max(before.peak_mb, _peak_mb())
        before.rows += cost.rows

    def hand_back(self) -> None:
        """On the last line of standard output, where `run` looks for it."""
        print(json.dumps(asdict(self), default=str))


@dataclass(frozen=True)
class Program:
    """`python -m module arguments…`, which ends by handing back a `Report`. `python`: of another environment, for
    peers."""

    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable


def run(program: Program) -> Report:
    """Once, in a process of its own."""
    command = [program.python, "-m", program.module, *program.arguments]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), **program.environment}
    start = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, env=environment)
        # Of this very process and those it waited for; another child of ours may end at the same time.
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} stopped with {process.returncode}:\n{said[-4000:]}")
    found = json.loads(said.splitlines()[-1])
    stages = {name: Cost(**cost) for name, cost in found["stages"].items()}
    peak_mb = max((c.peak_mb for c in stages.values()), default=0)
    whole = Cost(used.ru_utime + used.ru_stime, wall, peak_mb, sum(c.rows for c in stages.values()))
    return Report(stages, found["facts"], whole)


def turns(programs: Mapping[str, Callable[[int], Program]], rounds: int) -> dict[str, list[Report]]:
    """A B A B …, so that a neighbour on the machine slows them all alike. `programs`: by name, one for each round, as
    each round may need a folder of its own. Where time is short there are fewer rounds, and at least one."""
    found: dict[str, list[Report]] = {name: [] for name in programs}
    for number in range(rounds):
        if number and time.monotonic() > deadline:
            say(f"    {rounds - number} of {rounds} rounds left out: the time is up")
            break
        for name, program in programs.items():
            found[name].append(report := run(program(number)))
            say(f"    round {number + 1} of {rounds}: {name} {cpu(report):.2f} CPU s, {peak(report):.0f} MB")
    return found


def say(line: str) -> None:
    """How far it is, for whoever waits; figures go to standard output."""
    print(line, file=sys.stderr, flush=True)


def median(reports: Sequence[Report], what: Callable[[Report], float]) -> float:
    return statistics.median(what(report) for report in reports)


def cpu(report: Report) -> float:
    """Of the whole process: the interpreter's start and the imports too."""
    assert report.whole is not None
    return report.whole.cpu


def wall(report: Report) -> float:
    assert report.whole is not None
    return report.whole.wall


def peak(report: Report) -> float:
    assert report.whole is not None
    return report.whole.peak_mb


def machine() -> dict[str, Any]:
    """What a reader has to know of where the figures are from."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cores": os.cpu_count(), "memory_gb": round(memory), "python": sys.version.split()[0], "cpu": _model()}


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    """Not ru_maxrss where there is better: a child begins with the peak of the process that started it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def _forget_peak() -> None:
    """Linux can begin the peak anew, so that each stage has its own."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
