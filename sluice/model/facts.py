"""The small facts that travel between steps: plain, frozen, JSON in and out; never a frame."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

Outcome = Literal["published", "degraded", "refused", "unchanged", "failed"]


class Fact:
    """JSON both ways, so that Prefect results, commit metadata and `--json` are the same words."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**{k: v for k, v in document.items() if k in known})


@dataclass(frozen=True, slots=True)
class Position(Fact):
    """How far a source has been read. `value` is exact text: ISO 8601 with microseconds, or an integer."""

    mode: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Split(Fact):
    """One piece of work: its `spec` is all that the connector needs to read exactly these rows again."""

    id: str
    label: str
    spec: dict[str, Any]
    unit: str | None = None  # what this split replaces when it was landed before: a file's uri, an interval's label


@dataclass(frozen=True, slots=True)
class Notice(Fact):
    """Something people should hear of that stops nothing: schema drift, a file still growing, null cursors."""

    kind: str
    what: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Plan(Fact):
    """What a connector would read now, and where the source stands once all of it is committed."""

    splits: tuple[Split, ...]
    position: Position | None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class StagedFile(Fact):
    """A Parquet file in a table's folder that no commit names yet."""

    path: str
    rows: int
    size: int
    stats: str  # Delta's own JSON: numRecords, minValues, maxValues, nullCount
    partition: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check(Fact):
    """One expectation, judged."""

    id: str
    expect: str
    severity: str
    success: bool
    observed: Any = None
    limit: Any = None
    unexpected: int = 0
    samples: tuple[Any, ...] = ()
    error: str | None = None
    kind: Literal["gate", "reconcile", "volume"] = "gate"
