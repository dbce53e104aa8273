"""What `sluice doctor` asks of the machine: Python, packages, where our code comes from, the server, limits."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from sluice.ops import memory
from sluice.steps._health import Finding

_ROOT = Path(__file__).resolve().parents[2]
_NAMED = ("prefect", "polars", "deltalake", "great-expectations", "pydantic", "httpx", "psycopg2-binary")
_FILES = 1024  # open files: a scan over a year of small partitions opens hundreds at once


def findings() -> Iterator[Finding]:
    yield _python()
    yield _packages()
    yield _origin()
    yield _server()
    yield from _limits()


def has_server() -> bool:
    return bool(os.environ.get("PREFECT_API_URL"))


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _packages() -> Finding:
    """Against requirements/runtime.txt, where there is a checkout."""
    named = ", ".join(f"{name} {_installed(name) or 'missing'}" for name in _NAMED)
    lock = _ROOT / "requirements" / "runtime.txt"
    if not lock.is_file():
        missing = [name for name in _NAMED if _installed(name) is None]
        remedy = f"Install {', '.join(missing)}." if missing else ""
        return Finding("packages", "bad" if missing else "ok", named, remedy)
    pins = dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", lock.read_text("utf-8"), re.M))
    other = [f"{name} {have or 'missing'} instead of {pin}" for name, pin in sorted(pins.items())
             if (have := _installed(name)) != pin]  # fmt: skip
    if other:
        says = f"{len(other)} of {len(pins)} pinned packages differ: {', '.join(other[:4])}"
        return Finding("packages", "warn", says, f"python -m pip install --require-hashes -r {lock}")
    return Finding("packages", "ok", f"{named}; all {len(pins)} as pinned")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _origin() -> Finding:
    """A stray package `tasks` in site-packages once ran instead of ours."""
    roots = {}
    for name in ("sluice", "flows", "tasks"):
        spec = find_spec(name)
        places = list(spec.submodule_search_locations or []) if spec else []
        roots[name] = str(Path(places[0]).parent) if places else None
    if len(set(roots.values())) == 1:
        return Finding("imports", "ok", f"sluice, flows and tasks come from {roots['sluice']}")
    says = ", ".join(f"{name} from {root or 'nowhere'}" for name, root in roots.items())
    level = "bad" if all(roots.values()) else "warn"
    return Finding("imports", level, says, "Install the checkout with `pip install -e .`; flows and tasks lie in it.")


def _server() -> Finding:
    from sluice.cli import _prefect

    url = os.environ.get("PREFECT_API_URL")
    if url and _prefect.is_healthy(url):
        return Finding("server", "ok", f"Prefect answers at {url}")
    if url:
        remedy = "Start that server, or unset PREFECT_API_URL. Readers and `sluice trust` do not need it."
        return Finding("server", "bad", f"Prefect does not answer at {url}", remedy)
    known = _prefect.running()
    if known:
        return Finding("server", "ok", f"our own Prefect server answers at {known['url']}")
    return Finding("server", "ok", "no Prefect server runs; `sluice run` starts one when it needs it")


def _limits() -> Iterator[Finding]:
    import resource

    files, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = files != resource.RLIM_INFINITY and files < _FILES
    yield Finding("files", "warn" if few else "ok", f"{files} may be open at once (hard limit {hard})",
                  f"ulimit -n {max(_FILES, 4096)}" if few else "")  # fmt: skip
    cap = memory.cap()
    cores, little = len(os.sched_getaffinity(0)), cap.bytes < memory.SMALLEST
    has = f"{cores} cores, {memory.said(cap.bytes)} of memory ({cap.of})"
    wants = f"Give it {memory.said(memory.SMALLEST)} or more; see docs/how-to/memory.md." if little else ""
    yield Finding("machine", "warn" if little else "ok", has, wants)
