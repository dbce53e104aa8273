"""A Prefect server of one's own for cases that run flows: started as `sluice run` starts it, stopped at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.cli import _prefect


@contextmanager
def prefect_server(home: Path) -> Iterator[dict[str, str]]:
    """Yields what a process has to be told to use it."""
    before = dict(os.environ)
    os.environ.pop("PREFECT_API_URL", None)
    os.environ["PREFECT_HOME"] = str(home)
    try:
        url = _prefect.use_server()
        yield {**_prefect.DEFAULTS, "PREFECT_HOME": str(home), "PREFECT_API_URL": url,
               "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}  # fmt: skip
    finally:
        _prefect.stop()
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ |= before
