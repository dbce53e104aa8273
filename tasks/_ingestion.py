"""What an ingestion has reached so far, source by source: one that fails stops only itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from prefect.futures import PrefectFuture

from sluice.errors import SluiceError
from tasks._presets import outcome


@dataclass
class Ingestion:
    """Facts by source, and the errors of those that stopped."""

    landed: dict[str, Any] = field(default_factory=dict)
    refined: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, SluiceError] = field(default_factory=dict)

    def keep(self, source: str, future: PrefectFuture[Any]) -> Any:
        """A future's value, or None where it ended in an error: that is kept under the source's name."""
        found = outcome(future)
        if isinstance(found, SluiceError):
            self.errors[source] = found
            return None
        return found
