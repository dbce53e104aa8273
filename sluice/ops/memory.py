"""How much memory a process may take, and what fits into it.

One number, `SLUICE_MEMORY`, or what the machine, the container and `ulimit -v` leave. From it follow the size of every
piece of work and how many are done at a time; see docs/how-to/memory.md for how the factors below were measured.
Standard library only: it is asked before Polars is imported, which hangs where it cannot start its threads.
"""

from __future__ import annotations

import os
import re
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import Misconfigured

KB, MB, GB = 2**10, 2**20, 2**30

BASE = 400 * MB  # Python, Polars, delta-rs, Prefect's client and Great Expectations: imported, warm, doing nothing
LANDING = 200 * MB  # one chunk of a source, from its text to its file: 16 MB of text, about ten times over
SMALLEST = 640 * MB
REFINING = 6  # bytes that a byte of bronze's rows takes while it is refined
KEY = 48  # bytes of a key's hash, while those that stand twice are looked for
BUILDING = 3  # … of the inputs' rows, while a transform runs in memory
AUDITING = 3  # … of a candidate's rows, while the gate looks at them
# Address space that is reserved and never used: stacks of up to 75 threads, what allocators hold ready: 710 MB
RESERVED = 1024 * MB
# Less than this, and Polars waits for ever for a thread that cannot start.
LEAST_ADDRESSES = 1024 * MB
_SHARE = 0.75  # of what there is, where nobody said: the rest is the Prefect server's, the database's, the page cache's

_UNITS = {"": 1, "K": KB, "M": MB, "G": GB, "T": 1024 * GB}


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that this process may hold, and who says so."""

    bytes: int
    of: str = "SLUICE_MEMORY"

    @property
    def working(self) -> int:
        """What is left for rows. Misconfigured where the smallest piece of work would not fit."""
        if self.bytes < SMALLEST:
            raise Misconfigured(
                "memory.too_small",
                f"{said(self.bytes)} is not enough: Sluice without any rows takes {said(BASE)}, "
                f"and landing one chunk takes {said(LANDING)}",
                self.of,
                f"Give it {said(SMALLEST)} or more: SLUICE_MEMORY, the container's limit, or ulimit -v "
                f"(there {said(SMALLEST + RESERVED)}).",
            )
        return self.bytes - BASE

    def group(self, factor: int) -> int:
        """Bytes of rows in one of two pieces of work that are done at the same time."""
        return self.working // 2 // factor


def cap(wanted: str = "") -> Cap:
    """The cap that was asked for, or three quarters of what there is; never more than the limits that kill."""
    limits = list(_limits())
    if wanted:
        chosen = [Cap(parse(wanted)), *limits]
    else:
        chosen = [Cap(int(limit.bytes * _SHARE), f"three quarters of {limit.of}") for limit in limits]
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    if addresses != resource.RLIM_INFINITY:
        chosen.append(Cap(max(addresses - RESERVED, 0), f"ulimit -v {addresses // KB}, less what is only reserved"))
    return min(chosen, key=lambda each: each.bytes)


def parse(text: str) -> int:
    """`2GB`, `512 MB`, `1.5GiB`: all of them powers of 1,024, as Linux counts memory."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    if not found:
        raise ValueError(f"{text!r} is no size: write it like 512MB or 2GB")
    return int(float(found[1]) * _UNITS[found[2]])


def said(size: float) -> str:
    """`640 MB`, `12 345 MB`."""
    return f"{size / MB:,.0f} MB".replace(",", " ")


def refuse(what: str, need: int, cap: Cap, where: str, remedy: str = "") -> Misconfigured:
    """The error of a piece of work that cannot be made smaller and does not fit."""
    enough = -(-(need + BASE) // (64 * MB)) * 64  # rounded up: what is asked for is worth typing
    return Misconfigured(
        "memory.too_small",
        f"{what} needs about {said(need)}, and {said(cap.working)} of {said(cap.bytes)} are left for rows ({cap.of})",
        where,
        remedy or f"Set SLUICE_MEMORY={enough}MB or more, on a machine that has it. Nothing was changed.",
    )


def refuse_few_addresses() -> None:
    """Misconfigured where `ulimit -v` is so low that Polars would wait for ever for a thread that cannot start."""
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    if addresses != resource.RLIM_INFINITY and addresses < LEAST_ADDRESSES:
        raise Misconfigured(
            "memory.too_small",
            f"{said(addresses)} of address space is not enough to start Polars, which needs {said(LEAST_ADDRESSES)}",
            f"ulimit -v {addresses // KB}",
            f"Raise it to {(SMALLEST + RESERVED) // KB} or more; or lift it, and set SLUICE_MEMORY instead.",
        )


def peak() -> int:
    """The most that this process has held so far."""
    return _status("VmHWM")


def resident(process: int | None = None) -> int:
    """What a process holds now; 0 where it is gone."""
    return _status("VmRSS", process)


def _status(name: str, process: int | None = None) -> int:
    try:
        lines = Path(f"/proc/{process or 'self'}/status").read_text().splitlines()
    except OSError:
        if process or sys.platform == "linux":
            return 0
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts it in bytes
    return next((int(line.split()[1]) * KB for line in lines if line.startswith(name)), 0)


def _limits() -> Iterator[Cap]:
    yield Cap(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "this machine's memory")
    container = _container(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    if container is not None:
        yield Cap(container, "the container's limit")


def _container(own: Path, root: Path) -> int | None:
    """The lowest limit on our group and those above it, of either version of control groups."""
    limits = list[int]()
    lines = own.read_text().splitlines() if own.is_file() else []
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if controllers and "memory" not in controllers.split(","):
            continue
        top, name = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            file = folder / name
            if file.is_file() and (text := file.read_text().strip()).isdigit():
                limits.append(int(text))
            if folder == top:
                break
    return min(limits, default=None)
