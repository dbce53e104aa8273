"""kind: files. What others drop into a folder or under an S3 prefix, each file once.

A file is known by uri, etag and size: a changed one is new, and its rows replace those of the former. Small files
share a split, so besides the connector protocol there are

    units(split)            -> [(uri, version)]   what the split holds, in order
    read_unit(split, unit)  -> frames             one file's rows, always at least one frame, perhaps without rows

and `read` is the chain of these. A frame's rows all come from one file. A file that cannot be read is one row with
`_problem`, no `_line`, and the reason in `_raw`; the other files of the split go on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from sluice.errors import Broken, Late, Misconfigured
from sluice.model.facts import Notice, Plan, Position, Split
from sluice.model.interval import Interval
from sluice.model.source import FilesSource
from sluice.sources.base import Reach
from sluice.sources.files import csv, json_text, parquet
from sluice.sources.files.expand import expanded
from sluice.sources.files.frames import Schema, empty, problems, text_schema, typed_schema
from sluice.sources.files.place import Entry, Place

# What says something about one file and nothing about the place it lies in.
_OF_THE_FILE = {"file.unreadable", "contract.missing_column", "contract.type_drift"}
_TEXT = {"csv": csv.read_csv, "json": json_text.read_json, "ndjson": json_text.read_ndjson}


def connect(source: FilesSource, reach: Reach) -> Files:
    if source.format == "csv":
        csv.check(source.csv, source.source)
    uri = source.uri if source.connection is None else reach.address(source.connection)
    assert uri is not None, "the contract has either a uri or a connection"
    return Files(source, reach, _place(uri, reach.storage))


class Files:
    def __init__(self, source: FilesSource, reach: Reach, where: Place) -> None:
        self.source, self.reach, self.place = source, reach, where
        self.parser = parquet.Parser(source)

    @property
    def schema(self) -> Schema:
        columns = self.source.columns
        return typed_schema(columns) if self.source.format == "parquet" else text_schema(columns)

    def plan(self, position: Position | None, want: tuple[Interval, ...], landed: Callable[[str, str], bool]) -> Plan:
        """Every complete file that is not landed in this version. Position and intervals mean nothing to files."""
        ready, notices = self._ready()
        fresh = [(entry, version) for entry, version in ready if not landed(entry.uri, version)]
        return Plan(tuple(self._splits(fresh)), Position("files"), tuple(notices))

    def units(self, split: Split) -> list[tuple[str, str]]:
        return [(file["uri"], file["version"]) for file in split.spec["files"]]

    def read(self, split: Split) -> Iterator[pl.DataFrame]:
        for unit, _ in self.units(split):
            yield from self.read_unit(split, unit)

    def read_unit(self, split: Split, unit: str) -> Iterator[pl.DataFrame]:
        version = dict(self.units(split))[unit]
        begun = False
        try:
            for frame in self._frames(unit, version):
                begun = True
                yield frame
        except Broken as error:
            if begun or error.code not in _OF_THE_FILE:
                raise
            yield problems(self.schema, unit, error.code, [(None, error.what)])
        else:
            if not begun:
                yield empty(self.schema)

    def probe(self, rows: int = 20) -> pl.DataFrame:
        """The first rows of the first file there is."""
        ready, notices = self._ready()
        if not ready:
            seen = f"; {len(notices)} left alone, the first: {notices[0].what} ({notices[0].where})" if notices else ""
            what = f"no file matches {self.source.glob!r}{seen}"
            raise Late("source.late", what, self.source.source, "check `glob`, or wait for the file")
        entry, version = ready[0]
        frames = self.read_unit(_split([(entry, version)]), entry.uri)
        return next(frames).head(rows)

    def _ready(self) -> tuple[list[tuple[Entry, str]], list[Notice]]:
        """Complete files with their versions. One still growing is left for the next plan, and said."""
        suffix = self.source.manifest
        entries, notices = self.place.listing(self.source.glob)
        # The markers need not match the glob, so they are looked for by a listing of their own.
        marked = self.place.listing(f"{self.source.glob}{suffix}")[0] if suffix else []
        markers = {entry.name for entry in marked}
        ready = []
        for entry in entries:
            if suffix and entry.name.endswith(suffix):
                continue
            why = self._unfinished(entry, markers)
            version = None if why else self.place.version(entry)
            if version is not None:
                ready.append((entry, version))
            else:
                notices.append(Notice("waiting", why or "the file changed while we looked at it", entry.uri))
        return ready, notices

    def _unfinished(self, entry: Entry, markers: set[str]) -> str | None:
        if self.source.manifest:
            absent = f"{entry.name}{self.source.manifest}" not in markers
            return f"its marker {self.source.manifest} is not there" if absent else None
        age = (self.reach.now() - entry.modified).total_seconds()
        if age >= self.source.stable_for.total_seconds():
            return None
        if age < -60:
            return f"it was changed in the future ({entry.modified:%Y-%m-%d %H:%M:%S} UTC): a clock is wrong"
        return f"it was changed {max(age, 0):.1f} s ago"

    def _splits(self, fresh: Iterable[tuple[Entry, str]]) -> Iterator[Split]:
        """In the order of the names, cut at the contract's number of files and bytes."""
        group, size = list[tuple[Entry, str]](), 0
        for entry, version in fresh:
            full = len(group) >= self.source.splits.files or size + entry.size > self.source.splits.bytes
            if group and full:
                yield _split(group)
                group, size = [], 0
            group.append((entry, version))
            size += entry.size
        if group:
            yield _split(group)

    def _frames(self, uri: str, version: str) -> Iterator[pl.DataFrame]:
        cap, size = self.source.max_bytes, int(version.rpartition(":")[2])
        if size > cap:
            raise Broken("file.unreadable", f"it has {size} bytes, and the contract allows {cap}", uri)
        with TemporaryDirectory(prefix="sluice-") as folder, self.place.open(uri, version, Path(folder)) as file:
            if self.source.format == "parquet":
                yield from self.parser.read(file, uri, Path(folder))
                return
            with expanded(file, uri, Path(folder), cap) as whole:
                yield from _TEXT[self.source.format](whole, self.source, uri)


def _split(group: list[tuple[Entry, str]]) -> Split:
    files = [{"uri": entry.uri, "version": version, "size": entry.size} for entry, version in group]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    first, last = group[0][0], group[-1][0]
    if len(group) == 1:
        return Split(digest, first.name, {"files": files, "version": group[0][1]}, first.uri)
    return Split(digest, f"{first.name} … {last.name} ({len(group)} files)", {"files": files})


def _place(uri: str, storage: dict[str, str]) -> Place:
    """Modules are imported only here: boto3 costs a third of a second."""
    if uri.startswith("s3://"):
        from sluice.sources.files.s3 import Bucket

        return Bucket(uri, storage)
    if "://" in uri:
        raise Misconfigured(
            "settings.connection", f"kind files cannot read {uri.split('://')[0]}://", uri, "use a folder or s3://…"
        )
    from sluice.sources.files.local import Folder

    return Folder(uri)
