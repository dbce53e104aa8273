"""The state of one interval of a product, decided from what the lake's ledger says and from nothing else.

published   readers see it, complete and audited
degraded    published without an optional input, and it says so
stale       published, but the rows of an input are not those it was made from any more
refused     the newest attempt did not pass its checks; readers keep what they had
failed      the newest attempt stopped before it could be judged; readers keep what they had
missing     due, and nobody has tried
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sluice.model.facts import Fact

BAD = ("missing", "refused", "failed")


@dataclass(frozen=True, slots=True)
class Shown(Fact):
    """A publication: what readers see of an interval."""

    interval: str
    version: int
    at: str
    first_at: str  # when the interval first came out; later publications restate it
    run: str
    outcome: str  # published | degraded
    rows: int
    reason: str
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setback(Fact):
    """A run that did not publish the interval."""

    at: str
    run: str
    code: str
    disposition: str
    what: str
    where: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class IntervalState(Fact):
    """One interval, judged."""

    product: str
    interval: str
    state: str
    note: str
    shown: Shown | None = None
    setback: Setback | None = None  # only one that is newer than what readers see
    changed: tuple[str, ...] = ()  # inputs whose rows of the interval are others now
    pending: tuple[str, ...] = ()  # newer rows of the interval that were refused on their way in

    @property
    def is_bad(self) -> bool:
        return self.state in BAD


def judge(
    product: str,
    interval: str,
    shown: Shown | None,
    setbacks: Sequence[Setback],
    changed: Sequence[str] = (),
    pending: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> IntervalState:
    """The interval's state; `setbacks` in any order, `notes` are what else is worth saying of a published one."""
    setback = _newest(setbacks, shown)
    if setback is not None:
        state = "refused" if setback.disposition == "refused" else "failed"
        note = f"{setback.code}: {setback.what}"
        keep = f"readers keep version {shown.version} of it" if shown else "readers have never seen it"
        if shown and setback.code == "lake.corrupt":
            keep = "readers may see it"
        return IntervalState(product, interval, state, f"{note} ({keep})", shown, setback, tuple(changed))
    if shown is None:
        return IntervalState(product, interval, "missing", "due, and no run has tried it")
    said = [*shown.caveats, *pending, *notes]
    if changed:
        state = "stale"
        said.insert(0, f"newer rows in {', '.join(changed)}")
    else:
        state = shown.outcome
    return IntervalState(
        product, interval, state, "; ".join(said), shown, changed=tuple(changed), pending=tuple(pending)
    )


def _newest(setbacks: Sequence[Setback], shown: Shown | None) -> Setback | None:
    """The newest setback that readers' version does not answer already."""
    counting = [
        each
        for each in setbacks
        # Two runs of one interval: the one that came second says lake.conflict, and nothing is wrong.
        if shown is None or (each.code != "lake.conflict" and _order(each) > _order(shown))
    ]
    return max(counting, key=_order, default=None)


def _order(event: Setback | Shown) -> tuple[datetime, str]:
    """By time, then by run, whose name begins with the time it started: a clock may be coarse, or pretended."""
    return datetime.fromisoformat(event.at), event.run
