"""What must hold after every fault, asked of the files of a lake: its logs and its Parquet, not our own status.

    violations(lake_folder) -> list of sentences; empty when all is well

I1 log versions follow each other and none is empty       I2 every live file exists and is what its statistics say
I3 each source unit is under exactly one commit           I4 rows in = silver + quarantine + superseded, key once
I5 a gold partition is exactly one audited run's rows     I6 positions never go back
I8 nothing is left half done: silver stands on bronze's newest rows, and no commit of a run stands twice
(I7, orphans older than the grace time, is upkeep's.) Nothing of `sluice` is imported here: a checker that shares
code with what it checks shares its mistakes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl


@dataclass(frozen=True)
class Live:
    """A live file and the version that added it."""

    path: str
    size: int
    stats: dict[str, Any]
    partition: dict[str, str]
    version: int

    @property
    def unit(self) -> str:
        return self.path.rsplit("/", 1)[-1].split("-")[1]


@dataclass
class Log:
    """A table's log, read as JSON."""

    folder: Path
    wrong: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}.{self.folder.name}"

    @cached_property
    def versions(self) -> dict[int, list[dict[str, Any]]]:
        found: dict[int, list[dict[str, Any]]] = {}
        for entry in sorted((self.folder / "_delta_log").glob("*.json")):
            text = entry.read_text()
            if not text.strip():
                self.wrong.append(f"I1 {self.name}: {entry.name} is empty")
            found[int(entry.stem)] = [json.loads(line) for line in text.splitlines() if line]
        if list(found) != list(range(len(found))):
            self.wrong.append(f"I1 {self.name}: versions {list(found)} do not follow each other")
        return found

    def facts(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """What each commit says of itself, oldest first."""
        for version, actions in self.versions.items():
            for action in actions:
                said = action.get("commitInfo", {}).get("sluice")
                if said:
                    yield version, json.loads(said)

    def live(self, at: int | None = None) -> dict[str, Live]:
        found: dict[str, Live] = {}
        for version, actions in self.versions.items():
            if at is not None and version > at:
                break
            for action in actions:
                if add := action.get("add"):
                    path = unquote(add["path"])
                    stats = json.loads(add["stats"], parse_float=Decimal)
                    found[path] = Live(path, add["size"], stats, add["partitionValues"], version)
            for action in actions:
                if removed := action.get("remove"):
                    found.pop(unquote(removed["path"]), None)
        return found

    def rows(self, files: dict[str, Live]) -> pl.DataFrame:
        frames = [
            pl.read_parquet(self.folder / path, hive_partitioning=False).with_columns(
                [pl.lit(value).alias(name) for name, value in file.partition.items()]
            )
            for path, file in files.items()
            if (self.folder / path).exists()
        ]
        return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def violations(lake: Path, key: str | None = "id") -> list[str]:
    """Everything that is wrong with the lake. `key`: the column that is a source's key, if it has one."""
    logs = {entry.parent: Log(entry.parent) for entry in sorted(lake.glob("*/*/_delta_log"))}
    wrong: list[str] = []
    for log in logs.values():
        wrong += [*_files(log), *_once(log), *log.wrong]
    for log in logs.values():
        layer, name = log.folder.parent.name, log.folder.name
        if layer == "bronze":
            wrong += [*_units(log), *_positions(log)]
            wrong += _conserved(log, logs, name, key)
        if layer == "gold":
            wrong += _audited(log)
    return wrong


def _files(log: Log) -> Iterator[str]:
    """I2"""
    for path, file in log.live().items():
        place = log.folder / path
        if not place.exists():
            yield f"I2 {log.name}: {path} is not there"
            continue
        if place.stat().st_size != file.size:
            yield f"I2 {log.name}: {path} has {place.stat().st_size} bytes, the log says {file.size}"
        rows = pl.read_parquet(place, hive_partitioning=False)
        if rows.height != file.stats["numRecords"]:
            yield f"I2 {log.name}: {path} has {rows.height} rows, the log says {file.stats['numRecords']}"
        for column, nulls in file.stats["nullCount"].items():
            if rows[column].null_count() != nulls:
                yield f"I2 {log.name}: {column} of {path} has {rows[column].null_count()} nulls, the log says {nulls}"
        for column, low in file.stats["minValues"].items():
            high = file.stats["maxValues"][column]
            if (_plain(rows[column].min()), _plain(rows[column].max())) != (_plain(low), _plain(high)):
                yield f"I2 {log.name}: {column} of {path} is not between {low} and {high}, exactly"


def _units(log: Log) -> Iterator[str]:
    """I3"""
    versions: dict[str, set[int]] = {}
    for file in log.live().values():
        if file.unit != "none":
            versions.setdefault(file.unit, set()).add(file.version)
    for unit, seen in versions.items():
        if len(seen) > 1:
            yield f"I3 {log.name}: unit {unit} stands in the commits {sorted(seen)}"
    rows = log.rows(log.live())
    values = [c for c in rows.columns if not c.startswith("_")]
    if values and not any(isinstance(t, pl.List) for t in rows.schema.values()):
        place = [*values, "_origin", "_line"]
        if rows.select(place).is_duplicated().any():
            yield f"I3 {log.name}: rows are landed twice: {rows.filter(rows.select(place).is_duplicated()).rows()[:4]}"


def _conserved(bronze: Log, logs: dict[Path, Log], name: str, key: str | None) -> Iterator[str]:
    """I4, and the half of I8 that a lake can tell"""
    lake = bronze.folder.parent.parent
    silver, quarantine = logs.get(lake / "silver" / name), logs.get(lake / "quarantine" / name)
    landed = [v for v, facts in bronze.facts() if facts["kind"] == "land" and facts["dates"]]
    if silver is None or quarantine is None:
        if landed:
            yield f"I8 {bronze.name} has rows, and silver was never made"
        return
    refinings = [(version, facts) for version, facts in silver.facts() if facts["kind"] == "refine"]
    if landed and (not refinings or refinings[-1][1]["bronze_version"] < max(landed)):
        yield f"I8 {silver.name} does not stand on {bronze.name}'s newest rows"
        return
    counts = {day: c for _, facts in refinings for day, c in facts["counts"].items()}
    refused = set(refinings[-1][1]["refused"]) if refinings else set()
    good, bad, raw = (table.rows(table.live()) for table in (silver, quarantine, bronze))
    heights = [_by_day(frame) for frame in (raw, good, bad)]
    for day in sorted(set().union(*heights)):
        if day in refused:
            continue
        came, stayed, rejected = (tally.get(day, 0) for tally in heights)
        said = counts.get(day)
        if said is None:
            yield f"I4 {silver.name} {day}: {came} rows came, and no refining speaks of them"
        elif (came, stayed, rejected) != (said["in"], said["silver"], said["quarantined"]):
            yield f"I4 {silver.name} {day}: {came} in, {stayed} silver, {rejected} quarantined; its commit says {said}"
        elif came != stayed + rejected + said["superseded"]:
            yield f"I4 {silver.name} {day}: {came} rows in are not {stayed} + {rejected} + {said['superseded']}"
    if key and good.height and good[key].is_duplicated().any():
        yield f"I4 {silver.name}: {key} {good[key].filter(good[key].is_duplicated()).unique().to_list()} stands twice"
    if key and raw.height and not refused:
        whole = raw.filter(pl.col("_problem").is_null() & pl.col(key).is_not_null())
        kept = {str(k) for frame in (good, bad) if frame.height for k in frame[key].drop_nulls()}
        if lost := {str(k) for k in whole[key]} - kept:
            yield f"I4 {silver.name}: {key} {sorted(lost)} is neither in silver nor in quarantine"


def _audited(gold: Log) -> Iterator[str]:
    """I5"""
    by_partition: dict[str, list[Live]] = {}
    for file in gold.live().values():
        by_partition.setdefault(file.partition["_interval"], []).append(file)
    facts = dict(gold.facts())
    newest = {label: v for v, said in facts.items() if said["kind"] == "publish" for label in said["intervals"]}
    for label, files in by_partition.items():
        versions = {file.version for file in files}
        if len(versions) != 1 or versions != {newest.get(label)}:
            yield f"I5 {gold.name} {label}: files of {sorted(versions)}, published last by {newest.get(label)}"
            continue
        said = facts[newest[label]]["intervals"][label]
        rows = sum(file.stats["numRecords"] for file in files)
        if said["verdict"] == "refused" or said["rows"] != rows:
            yield f"I5 {gold.name} {label}: {rows} rows under the verdict {said['verdict']} over {said['rows']}"


def _positions(bronze: Log) -> Iterator[str]:
    """I6"""
    last: Any = None
    for version, facts in bronze.facts():
        value = (facts.get("position") or {}).get("value")
        if value is None:
            continue
        now: Any = int(value) if value.lstrip("-").isdigit() else datetime.fromisoformat(value)
        if last is not None and now < last:
            yield f"I6 {bronze.name} version {version}: the position went back from {last} to {now}"
        last = now


def _once(log: Log) -> Iterator[str]:
    """The other half of I8: a run that was repeated has not committed twice."""
    runs = Counter((facts["run"], facts["kind"]) for _, facts in log.facts())
    for (run, kind), times in runs.items():
        if times > 1:
            yield f"I8 {log.name}: run {run} stands in {times} commits of kind {kind}"


def _by_day(rows: pl.DataFrame) -> dict[str, int]:
    if not rows.height:
        return {}
    return dict(rows.group_by(pl.col("_event_on").cast(pl.String)).len().iter_rows())


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        try:  # a date or a time, as the log writes it
            found = datetime.fromisoformat(value)
        except ValueError:
            return value
        return value if len(value) == 10 else found.astimezone(UTC).replace(tzinfo=None).isoformat()
    return float(value) if isinstance(value, float) else value
