"""What became of a source in a run, in one flat fact; failures and refused days are written into the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.errors import Broken, SluiceError
from sluice.model.facts import Fact
from sluice.steps.land import Landed
from sluice.steps.publications import failed, record
from sluice.steps.publish import Published
from sluice.steps.refine import Refined
from sluice.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Ingested(Fact):
    """One source after one run."""

    source: str
    rows: int = 0
    known: int = 0
    problems: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    notices: tuple[dict[str, Any], ...] = ()
    error: dict[str, Any] | None = None
    cost: dict[str, dict[str, Any]] = field(default_factory=dict, compare=False)  # of landing and refining


def ingested(
    source: str, landed: Mapping[str, Any] | None, refined: Mapping[str, Any] | None, error: SluiceError | None
) -> Ingested:
    """The facts of landing and refining, whichever of them came to be."""
    batch = Landed.from_dict(dict(landed)) if landed else None
    silver = Refined.from_dict(dict(refined)) if refined else None
    return Ingested(
        source=source,
        rows=batch.rows if batch else 0,
        known=batch.known if batch else 0,
        problems=batch.problems if batch else 0,
        counts=silver.counts if silver else {},
        reasons=silver.reasons if silver else {},
        changed=tuple(silver.changed) if silver else (),
        refused=silver.refused if silver else {},
        notices=tuple(batch.notices) if batch else (),
        error=error.as_dict() if error else None,
        cost={"land": batch.cost if batch else {}, "refine": silver.cost if silver else {}},
    )


def record_sources(ws: Workspace, run: str, done: Sequence[Ingested], errors: Mapping[str, SluiceError]) -> None:
    """Into the lake: which sources failed, and which of their days were refused."""
    found = []
    for each in done:
        if each.source in errors:
            found.append(failed(ws, each.source, "", run, errors[each.source]))
        for day, refusal in each.refused.items():
            remedy = f"Look at `sluice quarantine show {each.source}`; mend the source and ingest again."
            error = Broken(refusal["code"], refusal["what"], f"silver.{each.source}", remedy)
            found.append(failed(ws, each.source, day, run, error))
    record(ws, *found)


def unbuilt(ws: Workspace, product: str, labels: Sequence[str], run: str, error: SluiceError) -> Published:
    """A product whose build or publication stopped: recorded for every interval; readers keep what they have."""
    record(ws, *(failed(ws, product, label, run, error) for label in labels))
    return Published(
        product=product,
        run=run,
        version=None,
        outcomes=dict.fromkeys(labels, "failed"),
        reasons=dict.fromkeys(labels, error.what),
        errors={label: error.as_dict() for label in labels},
    )
