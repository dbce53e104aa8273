"""Landed files in a folder.

A file is opened component by component, each without following symlinks and relative to the folder before it, so a
name cannot lead out of the root, not even one that is swapped for a symlink between the listing and the reading.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sluice.errors import Broken, Transient
from sluice.model.facts import Notice
from sluice.sources.files.names import depth, fault, hidden, pattern, shown
from sluice.sources.files.place import Entry, gone

_EDGE = 64 * 1024


class Folder:
    """The uri of a file is the root as the contract spells it and the name: moving a checkout lands nothing twice."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/") or "/"

    def listing(self, glob: str) -> tuple[list[Entry], list[Notice]]:
        if not Path(self.root).is_dir():
            raise Transient("source.unreachable", "the folder is not there", self.root, "is it mounted?")
        matches, entries, notices = pattern(glob), [], []
        for name, found in self._walk("", depth(glob)):
            uri = self._uri(name)
            if hidden(name) or not (matches.fullmatch(name) or found.is_symlink()):
                continue
            why = "it is a symlink" if found.is_symlink() else fault(name)
            if why is None and not found.is_file(follow_symlinks=False):
                why = "it is not a regular file"
            if why is None and not os.access(found.path, os.R_OK):
                why = "we may not read it"
            if why is not None:
                notices.append(Notice("refused", f"a file is left alone: {why}", shown(uri)))
                continue
            status = found.stat(follow_symlinks=False)
            modified = datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)
            entries.append(Entry(uri, name, status.st_size, modified, str(status.st_mtime_ns)))
        return sorted(entries, key=lambda e: e.name), notices

    def _walk(self, below: str, levels: int | None) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            with os.scandir(Path(self.root, below)) as listed:
                found = list(listed)
        except PermissionError as error:
            raise Broken(
                "source.unauthorised", "we may not list the folder", str(Path(self.root, below)), "give us r-x on it"
            ) from error
        for entry in found:
            name = f"{below}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                yield name, entry
            elif levels != 0 and not hidden(name):
                yield from self._walk(f"{name}/", None if levels is None else levels - 1)

    def version(self, entry: Entry) -> str | None:
        try:
            descriptor = self._descriptor(entry.uri)
        except Broken:
            return None
        try:
            status = os.fstat(descriptor)
            if (status.st_size, str(status.st_mtime_ns)) != (entry.size, entry.etag):
                return None
            return _version(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def open(self, uri: str, version: str, room: Path) -> Iterator[BinaryIO]:
        with os.fdopen(self._descriptor(uri), "rb", buffering=0) as file:
            if _version(file.fileno()) != version:
                raise gone(uri, "the file was changed")
            yield file
            if _version(file.fileno()) != version:
                raise Transient(
                    "source.unreachable", "the file was changed while it was read", uri, "raise `stable_for`"
                )

    def _uri(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    def _descriptor(self, uri: str) -> int:
        """An open file below the root, and nothing else: no symlink, device or pipe on the way."""
        name = uri.removeprefix(f"{self.root.rstrip('/')}/")
        if name == uri or not name or fault(name):
            raise Broken("file.unreadable", "the name does not lead into the source's folder", shown(uri))
        *folders, last = name.split("/")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for part in (*folders, last):
                before, at = at, -1
                try:
                    at = os.open(part, flags | (os.O_DIRECTORY if part is not last else 0), dir_fd=before)
                finally:
                    os.close(before)
        except PermissionError as error:
            raise Broken("source.unauthorised", "we may not read the file", uri, "give us r on it") from error
        except OSError as error:
            raise gone(uri, f"the file cannot be opened any more ({error.strerror})") from error
        if not stat.S_ISREG(os.fstat(at).st_mode):
            os.close(at)
            raise Broken("file.unreadable", "it is not a regular file", uri)
        return at


def _version(descriptor: int) -> str:
    """Time of change, size, and a hash of both ends.

    The time and the size alone miss a file that was rewritten with its time put back (rsync -t, cp -p, tar -x); the
    ends of 64 KiB catch nearly all of these for the price of two reads. The inode is left out: a copy is the same file.
    """
    status = os.fstat(descriptor)
    ends = os.pread(descriptor, _EDGE, 0) + os.pread(descriptor, _EDGE, max(0, status.st_size - _EDGE))
    digest = hashlib.sha256(b"%d " % status.st_mtime_ns + ends).hexdigest()[:32]
    return f"{digest}:{status.st_size}"
