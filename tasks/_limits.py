"""Global concurrency limits: what protects a source from all flows and processes together.

A slot is taken per split, never finer: it costs about 0.1 CPU seconds on each side. Prefect's SQLite answers 503 to
whoever writes while it writes; its client would wait two seconds and more each time, so slots are asked for one at a
time within a process, without the client's retries, and again after a moment.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from sluice.errors import Transient
from tasks._workspace import workspace

_LOCKED = 423  # every slot is taken
_ATTEMPTS = 100

_asking = Lock()

# Prefect logs an ERROR for every answer but a slot; "taken" and "busy" are answers that `slot` acts on.
logging.getLogger("prefect._internal.concurrency").addFilter(
    lambda record: "SlotAcquisition" not in record.getMessage()
)


def ensure_limits(sources: list[str]) -> None:
    """Makes or mends the sources' limits: a missing one would be silently unlimited."""
    catalog = workspace().catalog
    with get_client(sync_client=True) as client:
        for source in sources:
            limit = catalog.source(source).limits.concurrency
            client.upsert_global_concurrency_limit_by_name(limit_name(source), limit)


@contextmanager
def slot(source: str) -> Iterator[None]:
    """Holds one of the source's slots; waits while all are taken, without keeping other sources waiting."""
    with ExitStack() as held:
        while not _taken(held, source):
            time.sleep(random.uniform(0.5, 1.5))
        yield


def limit_name(source: str) -> str:
    return f"source-{source.replace('_', '-')}"


def _taken(held: ExitStack, source: str) -> bool:
    with _asking:
        for attempt in range(_ATTEMPTS):
            try:
                with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
                    held.enter_context(concurrency(limit_name(source), occupy=1, max_retries=0))
            except ConcurrencySlotAcquisitionError as error:
                answer = getattr(error.__cause__, "response", None)
                if getattr(answer, "status_code", None) == _LOCKED:
                    return False
                if attempt == _ATTEMPTS - 1:  # busy for ten seconds, or not there at all
                    what = f"the Prefect server gives no slot of {limit_name(source)}: {error.__cause__}"
                    raise Transient(
                        "server.unreachable", what, remedy="Look at its log: see `sluice server status`."
                    ) from error
                time.sleep(random.uniform(0.02, 0.2))
            else:
                break
    return True
