"""What the ledger says of a product: its publications, and the attempts that did not become one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import polars as pl

from sluice.errors import SluiceError
from sluice.lake import ledger, naming
from sluice.lake.commit import commit
from sluice.lake.table import ActiveFile, Snapshot
from sluice.model.facts import Fact
from sluice.steps.workspace import Workspace

_NEAR = 64  # commits looked at one by one before an interval's own is looked for
_LOOKS = 20  # entries that such a look reads, more or less


@dataclass(frozen=True, slots=True)
class Publication(Fact):
    """One interval of a product as one commit let it out."""

    product: str
    interval: str
    version: int
    at: str
    run: str
    outcome: str  # published | degraded
    facts: dict[str, Any]  # rows, checks, metrics, diff, inputs, fingerprint, caveats
    commit: dict[str, Any]  # what holds for the whole commit: reason, contract, code, actor


@dataclass(frozen=True, slots=True)
class Attempt(Fact):
    """A run that did not publish or land, and why."""

    subject: str
    interval: str
    at: str
    run: str
    code: str
    disposition: str
    what: str
    where: str = ""
    remedy: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


ATTEMPTS_SCHEMA = pl.Schema(
    {
        "subject": pl.String(), "interval": pl.String(), "at": pl.Datetime("us", "UTC"), "run": pl.String(),
        "code": pl.String(), "disposition": pl.String(), "what": pl.String(), "where": pl.String(),
        "remedy": pl.String(), "detail": pl.String(),
    }
)  # fmt: skip


def app(product: str, interval: str) -> str:
    """The application whose version two runs of one interval compete for."""
    return f"publish/{product}/{interval}"


def newest(
    ws: Workspace, product: str, intervals: Iterable[str], gold: Snapshot | None = None
) -> dict[str, Publication]:
    """The standing publication of each interval that has one. Looks at the newest commits first; an interval that was
    published long before those is looked for by the time of its file, and only then in the whole log."""
    gold = gold or ws.gold(product).snapshot()
    wanted = _published(product, intervals, gold) if gold else set()
    found: dict[str, Publication] = {}
    if not wanted or gold is None:
        return found
    walk = ledger.entries(gold)
    for entry in islice(walk, _NEAR):
        _take(product, entry, wanted, found)
        if not wanted:
            return found
    if len(wanted) * _LOOKS < gold.version:
        _look_up(product, gold, wanted, found)
    for entry in walk if wanted else ():
        _take(product, entry, wanted, found)
        if not wanted:
            break
    return found


def history(ws: Workspace, product: str, interval: str, gold: Snapshot | None = None) -> Iterator[Publication]:
    """The publications of one interval, newest first: each names the one before it."""
    gold = gold or ws.gold(product).snapshot()
    publication = newest(ws, product, [interval], gold).get(interval)
    while gold is not None and publication is not None:
        yield publication
        publication = _before(gold, publication)


def publications(ws: Workspace, product: str, gold: Snapshot | None = None) -> Iterator[Publication]:
    """Every publication of a product, newest first."""
    for entry in ledger.entries(gold or ws.gold(product).snapshot()):
        published = _Commit.of(entry)
        for label in sorted(published.intervals, reverse=True):
            yield published.publication(product, label)


def _published(product: str, intervals: Iterable[str], gold: Snapshot) -> set[str]:
    """A file of ours says so; of an interval without rows there is none, and its application is asked."""
    labels = list(dict.fromkeys(intervals))
    published = {f.partition or "" for f in gold.in_partitions(labels) if naming.is_ours(f.path)}
    counts = gold.transactions(app(product, label) for label in labels if label not in published)
    return published | {label for label in labels if counts.get(app(product, label))}


def _take(product: str, entry: ledger.Entry, wanted: set[str], found: dict[str, Publication]) -> None:
    published = _Commit.of(entry)
    for label in wanted & published.intervals.keys():
        found[label] = published.publication(product, label)
    wanted.difference_update(found)


def _look_up(product: str, gold: Snapshot, wanted: set[str], found: dict[str, Publication]) -> None:
    """The intervals whose publication is where their file's time says. A table that another tool took back shows an
    earlier file than its newest publication's: so the publications before it must be as many as there were."""
    for file in gold.in_partitions(sorted(wanted)):
        version = gold.log.version_of(file) if file.partition in wanted else None
        published = _Commit.of(ledger.entry(gold, version) if version is not None else None)
        several = wanted & published.intervals.keys()
        counts = gold.transactions(app(product, label) for label in several)
        for label in several:
            publication = published.publication(product, label)
            if _number(gold, publication) == counts[app(product, label)]:
                found[label] = publication
        wanted.difference_update(found)


def _number(gold: Snapshot, publication: Publication | None) -> int:
    """1 for the first publication of an interval."""
    number = 0
    while publication is not None:
        number, publication = number + 1, _before(gold, publication)
    return number


def _before(gold: Snapshot, publication: Publication) -> Publication | None:
    """The publication that this one replaced: it was compared with it, and published only if that one still stood."""
    version = publication.facts["diff"]["against"]
    published = _Commit.of(ledger.entry(gold, version) if version is not None else None)
    label = publication.interval
    return published.publication(publication.product, label) if label in published.intervals else None


@dataclass(frozen=True, slots=True)
class _Commit:
    """A commit that published, with what it says of each interval not yet decoded."""

    version: int
    at: str
    facts: dict[str, Any]  # what holds for the whole commit
    intervals: dict[str, msgspec.Raw]

    @classmethod
    def of(cls, entry: ledger.Entry | None) -> _Commit:
        """Of any other commit, or none, it says nothing."""
        if entry is None or entry.fact("kind") != "publish":
            return cls(-1, "", {}, {})
        facts = {name: entry.fact(name) for name in entry.parts if name != "intervals"}
        at = facts.get("at", entry.at.isoformat())
        return cls(entry.version, at, facts, ledger.parts_of(entry.parts["intervals"]))

    def publication(self, product: str, label: str) -> Publication:
        facts = ledger.decoded(self.intervals[label])
        return Publication(
            product=product,
            interval=label,
            version=self.version,
            at=self.at,
            run=self.facts["run"],
            outcome=facts["outcome"],
            facts=facts,
            commit=self.facts,
        )


def record(ws: Workspace, *attempts: Attempt) -> None:
    """Writes attempts of one run into the lake, so that they are known with the orchestrator gone: one commit for all
    of a subject's."""
    by_subject: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_subject.setdefault(attempt.subject, []).append(attempt)
    for subject, several in by_subject.items():
        table = ws.lake.table("attempts", subject)
        rows = [
            each.as_dict()
            | {
                "at": datetime.fromisoformat(each.at),
                "detail": json.dumps(each.detail, default=str, sort_keys=True),
            }
            for each in several
        ]
        frame = pl.DataFrame(rows, schema=ATTEMPTS_SCHEMA)
        said = naming.digest(*(part for each in several for part in (each.interval, each.code, each.at)))
        run = f"{several[0].run}-{said[:8]}"
        file = table.write(frame, naming.file_name(naming.content(frame), run, 0))
        codes = sorted({each.code for each in several})
        commit(table, ATTEMPTS_SCHEMA, run=run, add=[file], metadata={"kind": "attempt", "code": ", ".join(codes)})


def failed(ws: Workspace, subject: str, interval: str, run: str, error: SluiceError) -> Attempt:
    """An attempt as an error tells it."""
    return Attempt(
        subject=subject,
        interval=interval,
        at=ws.now().isoformat(),
        run=run,
        code=error.code,
        disposition=error.disposition,
        what=error.what,
        where=error.where,
        remedy=error.remedy,
        detail={**error.facts, **ws.signature()},
    )


def attempts(ws: Workspace, subject: str, intervals: Iterable[str] | None = None) -> list[Attempt]:
    """The recorded attempts, newest first."""
    snapshot = ws.lake.table("attempts", subject).snapshot()
    if snapshot is None:
        return []
    if intervals is None:
        rows = snapshot.scan()
    else:
        labels = sorted(set(intervals))
        rows = snapshot.scan(_files_of(snapshot, labels)).filter(pl.col("interval").is_in(labels))
    return [
        Attempt.from_dict(row | {"at": row["at"].isoformat(), "detail": json.loads(row["detail"])})
        for row in rows.sort("at", descending=True).collect().iter_rows(named=True)
    ]


def _files_of(snapshot: Snapshot, labels: Sequence[str]) -> list[ActiveFile]:
    """The files that may hold attempts at these intervals: each run that failed has left one, and all are kept."""
    low, high = "min.interval", "max.interval"
    if not labels or not {low, high} <= set(snapshot.actions.columns):
        return snapshot.files() if labels else []
    between = (pl.col(low) <= labels[-1]) & (pl.col(high) >= labels[0])
    return snapshot.files(between | pl.col(low).is_null() | pl.col(high).is_null())
