"""What every step is handed: the lake, the catalog and the means to reach sources. Built once, at the edge."""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sluice import __version__
from sluice.catalog import Catalog
from sluice.catalog import load as load_catalog
from sluice.errors import SluiceError
from sluice.lake.table import Lake, Table
from sluice.ops.memory import GB, Cap
from sluice.settings import Settings
from sluice.sources.base import Reach


@dataclass(frozen=True)
class Workspace:
    """One environment, as one run sees it."""

    lake: Lake
    catalog: Catalog
    reach: Reach
    actor: str = ""
    workers: int = 4
    memory: Cap = field(default_factory=lambda: Cap(4 * GB))
    # Not settings: larger pieces of work gain nothing that was measurable, and cost memory that others may want.
    refine_rows: int = 250_000
    eager_rows: int = 2_000_000
    facts: dict[str, Any] = field(default_factory=dict)  # stands in every commit: e.g. the orchestrator's run id

    @classmethod
    def of(cls, settings: Settings, *, secret: Callable[[str, str], str | None] | None = None) -> Workspace:
        """From settings; `secret(kind, name)` is asked where the environment has no value."""

        def ask(kind: str, name: str, configured: Callable[[str], str]) -> str:
            try:
                return configured(name)
            except SluiceError:
                value = secret(kind, name) if secret else None
                if value is None:
                    raise
                return value

        storage = settings.storage_options()
        pretended = settings.now.astimezone(UTC) if settings.now else None
        return cls(
            lake=Lake(settings.lake.rstrip("/"), storage),
            catalog=load_catalog(settings.catalog),
            reach=Reach(
                address=lambda name: ask("connection", name, settings.address),
                secret=lambda name: ask("secret", name, settings.secret),
                storage=storage,
                now=lambda: pretended or datetime.now(UTC),
            ),
            actor=settings.actor or _user(),
            workers=settings.workers,
            memory=settings.cap(),
        )

    def with_facts(self, **facts: Any) -> Workspace:
        return replace(self, facts={**self.facts, **facts})

    def now(self) -> datetime:
        return self.reach.now()

    def bronze(self, source: str) -> Table:
        return self.lake.table("bronze", source)

    def silver(self, source: str) -> Table:
        return self.lake.table("silver", source)

    def quarantine(self, source: str) -> Table:
        return self.lake.table("quarantine", source)

    def gold(self, product: str) -> Table:
        return self.lake.table("gold", product)

    def signature(self) -> dict[str, Any]:
        """Who and what: stands in every commit."""
        return {"at": self.now().isoformat(), "actor": self.actor, "sluice": __version__, **self.facts}


def new_run() -> str:
    """A run's name: sortable by time, unique without asking anybody."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}{secrets.token_hex(4)}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        return "unknown"
