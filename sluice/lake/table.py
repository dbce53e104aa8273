"""Tables of the lake, read as pinned snapshots: which files are live, what they hold, how far an application got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sluice.errors import Broken, Transient
from sluice.lake import naming, opened, stage
from sluice.lake.log import Log, newest_version
from sluice.model.facts import StagedFile

if TYPE_CHECKING:
    from deltalake import DeltaTable

_FEW = 16  # applications; on S3 reading all of them is a request for each entry since the checkpoint
LAYERS = ("bronze", "silver", "quarantine", "gold", "attempts")

# The log is the ledger: an expired entry would be a publication nobody can explain.
CONFIGURATION = {"delta.enableExpiredLogCleanup": "false", "delta.logRetentionDuration": "interval 36500 days"}


@dataclass(frozen=True)
class Lake:
    """A folder or an S3 prefix that holds every table."""

    root: str
    storage: dict[str, str] = field(default_factory=dict)

    def table(self, layer: str, name: str) -> Table:
        if layer not in LAYERS:
            raise ValueError(f"no layer {layer!r}")
        return Table(self, layer, name)

    def names(self, layer: str) -> list[str]:
        """The tables of a layer that exist."""
        if stage.is_local(self.root):
            return sorted(path.parent.name for path in Path(self.root).glob(f"{layer}/*/_delta_log"))
        try:
            return sorted(stage.folders(f"{self.root}/{layer}", self.storage))
        except OSError as error:
            raise Transient("lake.unavailable", f"the lake cannot be listed: {error}", self.root) from error


@dataclass(frozen=True)
class Table:
    """One Delta table by layer and name; it may not exist yet."""

    lake: Lake
    layer: str
    name: str

    @property
    def uri(self) -> str:
        return f"{self.lake.root}/{self.layer}/{self.name}"

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"

    def snapshot(self, version: int | None = None) -> Snapshot | None:
        """The table as it stands, or as it stood at `version`; None where nothing was ever committed."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        if stage.is_local(self.lake.root) and not (Path(self.uri) / "_delta_log").is_dir():
            return None
        if known := opened.recall(self, version):
            return known
        try:
            delta = DeltaTable(self.uri, version=version, storage_options=self.lake.storage or None)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            cause = next(iter(str(error).splitlines()), "")  # the rest is a backtrace of Rust
            raise Broken("lake.corrupt", f"the log of {self} cannot be read: {cause}", self.uri) from error
        except OSError as error:
            raise Transient("lake.unavailable", f"{self} cannot be opened: {error}", self.uri) from error
        self._refuse_empty_entry(delta.version())
        snapshot = Snapshot(self, delta)
        opened.keep(snapshot, newest=version is None)
        return snapshot

    def log(self) -> Log | None:
        """The table's log as it stands, without opening the table; None where nothing was ever committed."""
        version = newest_version(self)
        if version is None:
            snapshot = self.snapshot()
            return snapshot.log if snapshot else None
        return Log(self, version)

    def entry(self, version: int) -> str | None:
        """The text of a log entry; None where there is none."""
        try:
            return stage.read_text(f"{self.uri}/_delta_log", f"{version:020}.json", self.lake.storage)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Transient("lake.unavailable", f"the log of {self} cannot be read: {error}", self.uri) from error

    def write(self, frame: pl.DataFrame, name: str, partition: dict[str, str] | None = None) -> StagedFile:
        """Stages a file in the table's folder; no reader sees it before a commit names it."""
        try:
            return stage.write(self.uri, frame, name, partition=partition, storage=self.lake.storage)
        except OSError as error:
            raise Transient("lake.unavailable", f"a file of {self} cannot be written: {error}", self.uri) from error

    def write_each(self, frame: pl.DataFrame, by: str, names: Mapping[str, str]) -> dict[str, StagedFile]:
        """Stages a file for each value of the partition column that has a name, all together."""
        try:
            return stage.write_each(self.uri, frame, by, names, storage=self.lake.storage)
        except OSError as error:
            raise Transient("lake.unavailable", f"files of {self} cannot be written: {error}", self.uri) from error

    def scan_staged(self, files: Iterable[StagedFile], schema: pl.Schema, partition: str | None = None) -> pl.LazyFrame:
        """Exactly these files, committed or not, in the given schema."""
        return self._scan([f.path for f in files], schema, partition)

    def _scan(self, paths: list[str], schema: pl.Schema, partition: str | None) -> pl.LazyFrame:
        if not paths:
            return pl.LazyFrame(schema=schema)
        return pl.scan_parquet(
            [f"{self.uri}/{path}" for path in paths],
            schema=pl.Schema({n: t for n, t in schema.items() if n != partition}),
            glob=False,  # a folder may be called lake[1]
            missing_columns="insert",
            hive_partitioning=partition is not None,
            hive_schema={partition: schema[partition]} if partition else None,
            storage_options=self.lake.storage or None,
        )

    def _refuse_empty_entry(self, version: int) -> None:
        # A zero-length newest entry (a power cut) reads as a valid empty commit: its rows would vanish silently.
        if not stage.is_local(self.lake.root):
            return
        entry = Path(self.uri) / "_delta_log" / f"{version:020}.json"
        if entry.exists() and entry.stat().st_size == 0:
            raise Broken(
                "lake.corrupt",
                f"the newest log entry of {self} is empty: the machine stopped while it was written",
                str(entry),
                "Move that entry aside: the commit it stood for was never confirmed, and the next run makes it again.",
            )


@dataclass(frozen=True, slots=True)
class ActiveFile:
    """A committed data file."""

    path: str
    rows: int
    size: int
    partition: str | None
    modified: int  # milliseconds since 1970, as the writer's clock had it just before the commit

    @property
    def content(self) -> str:
        """The part of the name that stands for what is inside; see `lake/naming.py`."""
        return self.path.rsplit("/", 1)[-1].split("-", 1)[0]


class Snapshot:
    """One version of a table. Everything read through it is of that version, whatever others commit."""

    def __init__(self, table: Table, delta: DeltaTable) -> None:
        self.table, self.delta = table, delta
        self._actions: pl.DataFrame | None = None
        self._transactions: dict[str, int] = {}
        self._by_partition: dict[str, list[ActiveFile]] = {}

    @property
    def version(self) -> int:
        return self.delta.version()

    @property
    def log(self) -> Log:
        return Log(self.table, self.version)

    @property
    def partition_column(self) -> str | None:
        columns = self.delta.metadata().partition_columns
        return columns[0] if columns else None

    @property
    def schema(self) -> pl.Schema:
        return pl.Schema(self.delta.schema().to_arrow())

    def transaction(self, app: str) -> int:
        """How many times `app` has committed; 0 before the first."""
        return self.transactions([app])[app]

    def transactions(self, apps: Iterable[str]) -> dict[str, int]:
        """How many times each of `apps` has committed. delta-rs looks through all applications for each that is asked
        for, 8 ms among 26,000: where many are wanted they are read at once."""
        wanted = list(apps)
        missing = [app for app in wanted if app not in self._transactions]
        every = self.log.applications() if len(missing) > _FEW else None
        for app in missing:
            found = self.delta.transaction_version(app) if every is None else every.get(app)
            self._transactions[app] = found or 0
        return {app: self._transactions[app] for app in wanted}

    @property
    def actions(self) -> pl.DataFrame:
        """Delta's add actions, flat: path, size_bytes, num_records, min.*, max.*, partition.*."""
        if self._actions is None:
            # In the order of the names: a log's own order changes with its checkpoints, and rows would with it.
            self._actions = pl.DataFrame(self.delta.get_add_actions(flatten=True)).sort("path")
        return self._actions

    def files(self, where: pl.Expr | None = None) -> list[ActiveFile]:
        """The live files, narrowed by an expression over `actions`."""
        actions = self.actions if where is None else self.actions.filter(where)
        column = f"partition.{self.partition_column}"
        partitions = actions[column].cast(pl.String) if column in actions.columns else [None] * actions.height
        facts = (actions["path"], actions["num_records"].fill_null(0), actions["size_bytes"])
        return list(map(ActiveFile, *facts, partitions, actions["modification_time"]))

    def in_partitions(self, values: Iterable[str]) -> list[ActiveFile]:
        """The live files of these partitions. Those asked for are kept: a backfill asks for every day more than once,
        one query for all of them costs as much as one for a single day, and 26,000 partitions are not looked through
        for the one that is wanted."""
        wanted = dict.fromkeys(values)
        if new := [value for value in wanted if value not in self._by_partition]:
            found: dict[str, list[ActiveFile]] = {value: [] for value in new}
            column = pl.col(f"partition.{self.partition_column}").cast(pl.String)
            for file in self.files(column.is_in(new)) if self.partition_column else ():
                found[file.partition or ""].append(file)
            self._by_partition.update(found)  # whole lists only: other threads read them
        return [file for value in wanted for file in self._by_partition[value]]

    def scan(self, files: list[ActiveFile] | None = None) -> pl.LazyFrame:
        """The rows of the given files, or of the whole table."""
        chosen = self.files() if files is None else files
        self._refuse_damaged(chosen)
        return self.table._scan([f.path for f in chosen], self.schema, self.partition_column)

    def strangers(self) -> list[ActiveFile]:
        """Live files that no run of ours wrote."""
        return self.files(naming.STRANGE)

    def refuse_strangers(self) -> None:
        """A compaction hides which landed file its rows came from: bronze would land them all once more."""
        if found := self.strangers():
            more = f" and {len(found) - 1} more" if found[1:] else ""
            raise Broken(
                "lake.corrupt",
                f"another tool has written into {self.table}: {found[0].path}{more}",
                self.table.uri,
                "Take the table back to the version before that, with Delta's RESTORE; optimise copies, not the lake.",
            )

    def _refuse_damaged(self, files: Iterable[ActiveFile]) -> None:
        """A file that is gone or cut off is named here: Polars stops anywhere, and a transform would be blamed."""
        if not stage.is_local(self.table.lake.root):
            return
        for file in files:
            path = Path(self.table.uri) / file.path
            size = path.stat().st_size if path.is_file() else None
            if size != file.size:
                has = "is not there" if size is None else f"has {size} bytes"
                raise Broken(
                    "lake.corrupt",
                    f"a data file of {self.table} {has}; its log says {file.size} bytes",
                    str(path),
                    "Bring the file back from a backup.",
                )
