"""Where landed files lie. A place lists them, tells their versions and opens one of them; two kinds exist."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from sluice.errors import Broken
from sluice.model.facts import Notice


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the listing shows it."""

    uri: str
    name: str  # below the root
    size: int
    modified: datetime
    etag: str = ""


class Place(Protocol):
    def listing(self, glob: str) -> tuple[list[Entry], list[Notice]]:
        """What matches, in the order of the names, and what was refused."""
        ...

    def version(self, entry: Entry) -> str | None:
        """`etag:size`; None when the file has changed since it was listed."""
        ...

    def open(self, uri: str, version: str, room: Path) -> AbstractContextManager[BinaryIO]:
        """The file's bytes, exactly those of `version`; `room` is a folder for what has to be fetched first."""
        ...


def gone(uri: str, why: str) -> Broken:
    """The file of the plan is no more. The next plan sees what stands in its place, and that replaces this outcome."""
    return Broken("file.unreadable", f"{why} between the listing and the reading", uri, "run the ingest again")
