"""Is this environment fit to run? One finding per question, each with what to do when the answer is not good."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sluice.catalog import Catalog
from sluice.errors import SluiceError
from sluice.lake import stage
from sluice.lake.table import LAYERS, Lake
from sluice.model.facts import Fact
from sluice.settings import Settings

_SPARE = 1024**3  # bytes free below which a staged candidate may not fit any more
_DRIFT = 2.0  # seconds between our clock and the storage's


@dataclass(frozen=True, slots=True)
class Finding(Fact):
    """One line: `level` is ok, warn or bad; `remedy` says what to do."""

    name: str
    level: str
    says: str
    remedy: str = ""


def storage(lake: Lake, run: str) -> list[Finding]:
    """Writes and removes one object, beside the tables."""
    from obstore.exceptions import BaseError

    kind = "a folder" if stage.is_local(lake.root) else "an object store"
    try:
        behind = _probe_folder(lake.root, run) if stage.is_local(lake.root) else _probe_store(lake, run)
    except (OSError, BaseError) as error:
        says = f"{lake.root} ({kind}) cannot be written: {type(error).__name__}: {_first_line(error)}"
        return [Finding("lake", "bad", says, "Correct SLUICE_LAKE or SLUICE_STORAGE__*, or the rights on it.")]
    found = [Finding("lake", "ok", f"{lake.root} ({kind}) can be written")]
    if abs(behind) > _DRIFT:
        says = f"this machine's clock is {behind:+.1f} s from the storage's"
        found.append(Finding("clock", "warn", says, "Let NTP set both: commit times order what readers see."))
    else:
        found.append(Finding("clock", "ok", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, as the storage has it"))
    if stage.is_local(lake.root):
        free = shutil.disk_usage(_nearest(lake.root)).free
        remedy = "" if free > _SPARE else "Make room: a full disk stops every run."
        found.append(Finding("space", "warn" if remedy else "ok", f"{free / 1024**3:.1f} GiB free", remedy))
    return found


def tables(lake: Lake) -> list[Finding]:
    """The newest log entry of every table: an empty one hides the rows that it stood for."""
    found = []
    names = [(layer, name) for layer in LAYERS for name in lake.names(layer)]
    for layer, name in names:
        try:
            lake.table(layer, name).snapshot()
        except SluiceError as error:
            found.append(Finding("tables", "bad", f"{error.what} ({error.where})", error.remedy))
    return found or [Finding("tables", "ok", f"{len(names)} tables, the newest log entry of each is whole")]


def names(catalog: Catalog, settings: Settings, elsewhere: bool) -> list[Finding]:
    """Connections and secrets that contracts name; `elsewhere`: a server may hold them in Secret blocks."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for name, source in sorted(catalog.sources.items()):
        if source.connection:
            wanted.setdefault(("connection", source.connection), []).append(name)
        secret = getattr(getattr(source, "auth", None), "secret", None)
        if secret:
            wanted.setdefault(("secret", secret), []).append(name)
    found = []
    for (kind, name), users in wanted.items():
        look: Callable[[str], str] = settings.address if kind == "connection" else settings.secret
        try:
            look(name)
        except SluiceError as error:
            level, also = ("warn", " unless a Secret block has it") if elsewhere else ("bad", "")
            says = f"no {kind} {name!r}, which {', '.join(users)} needs"
            found.append(Finding(f"{kind}s", level, says, f"{error.remedy.rstrip('.')}{also}."))
    return found or [Finding("connections", "ok", f"{len(wanted)} connections and secrets are configured")]


def zones(catalog: Catalog) -> Iterator[Finding]:
    """Time zones of the contracts, in this machine's zone data."""
    wanted = {s.timezone for s in catalog.sources.values()}
    wanted |= {p.schedule.timezone for p in catalog.products.values()}
    for zone in sorted(wanted):
        try:
            ZoneInfo(zone)
        except ZoneInfoNotFoundError:
            yield Finding("zones", "bad", f"this machine does not know {zone}", "Install the package tzdata.")
            return
    yield Finding("zones", "ok", f"{', '.join(sorted(wanted)) or 'UTC'} known")


def _probe_folder(root: str, run: str) -> float:
    file = _nearest(root) / f".probe-{run}"
    try:
        file.write_bytes(b"sluice")
        return time.time() - file.stat().st_mtime
    finally:
        file.unlink(missing_ok=True)


def _nearest(root: str) -> Path:
    """The lake's folder, or the nearest above it that is there: the first run makes it, looking does not."""
    folder = Path(root).absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _probe_store(lake: Lake, run: str) -> float:
    import obstore

    store, name = stage.object_store(lake.root, lake.storage), f".probe-{run}"
    obstore.put(store, name, b"sluice")
    try:
        return time.time() - obstore.head(store, name)["last_modified"].timestamp()
    finally:
        obstore.delete(store, name)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
