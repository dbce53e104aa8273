"""A sign left in the lake, by which another process proves that it sees the same one.

An address proves nothing: `/data/lake` of two machines may be two disks, and a relative path goes by the folder a
process was started in.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from sluice.errors import Transient
from sluice.lake import stage
from sluice.lake.table import Lake

_FOLDER = ".signs"
_LOOKS, _BETWEEN = 4, 0.5  # a network disk may show a new folder a moment later


def leave(lake: Lake) -> str:
    """Writes a new sign and returns its name."""
    name = uuid4().hex
    folder = f"{lake.root}/{_FOLDER}"
    try:
        if stage.is_local(folder):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).touch()
        else:
            import obstore

            obstore.put(stage.object_store(folder, lake.storage), name, b"")
    except Exception as error:  # a disk and an object store have no class of errors in common
        raise Transient("lake.unavailable", f"the lake cannot be written: {error}", lake.root) from error
    return name


def is_seen(lake: Lake, name: str) -> bool:
    for look in range(_LOOKS):
        time.sleep(_BETWEEN if look else 0)
        try:
            stage.read_text(f"{lake.root}/{_FOLDER}", name, lake.storage)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Transient("lake.unavailable", f"the lake cannot be read: {error}", lake.root) from error
        return True
    return False


def take_away(lake: Lake, name: str) -> None:
    """After the run. One that a killed run left means nothing to anybody, so this may fail."""
    folder = f"{lake.root}/{_FOLDER}"
    with suppress(Exception):
        if stage.is_local(folder):
            (Path(folder) / name).unlink(missing_ok=True)
        else:
            import obstore

            obstore.delete(stage.object_store(folder, lake.storage), name)
