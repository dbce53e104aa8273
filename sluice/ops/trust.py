"""Can we trust today's numbers? One answer per product, about its newest interval that is due, in sentences.

    yes       published in time and complete, from the rows there are
    caveats   published, and there is something readers should know
    no        not published, or its newest attempt was refused or failed

A green run is not trust: the answer comes from what was published, never from the state of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sluice.model.facts import Fact
from sluice.ops.intervals import IntervalState, Shown
from sluice.ops.words import age, clock, count, listed

ANSWERS = ("yes", "caveats", "no")
_WORDS = {"missing": "has not been published", "refused": "was refused", "failed": "could not be built"}


@dataclass(frozen=True, slots=True)
class Rejected(Fact):
    """What refining set aside on the days of an interval."""

    source: str
    rows_in: int
    rows: int

    @property
    def share(self) -> float:
        return self.rows / self.rows_in if self.rows_in else 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the answer rests on."""

    product: str
    timezone: str
    now: datetime
    newest: IntervalState | None
    deadline: datetime | None  # until when the newest interval has to be out
    older: Sequence[IntervalState] = ()  # those that late data may still change
    readers: Shown | None = None  # the newest interval that readers see, whichever it is
    set_aside: Sequence[str] = ()  # whole files in quarantine, in words
    upstream: Sequence[IntervalState] = ()  # bad intervals of the products it reads
    root: IntervalState | None = None  # the upstream interval that it all began with
    rejected: Sequence[Rejected] = ()
    warnings: Sequence[str] = ()
    input_warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Trust(Fact):
    """One product's answer."""

    product: str
    interval: str | None
    answer: str
    sentence: str
    state: str | None = None
    code: str | None = None
    reasons: tuple[str, ...] = ()
    remedy: str = ""
    caveats: tuple[str, ...] = ()
    root: str | None = None  # the product it began with, when that is another one
    readers: Shown | None = None
    readers_age: str | None = None
    due_by: str | None = None
    rejected: tuple[Rejected, ...] = ()
    warnings: tuple[str, ...] = ()  # what users should know of the product in any case
    input_warnings: tuple[str, ...] = ()  # and of its sources


def answer(evidence: Evidence) -> Trust:
    """The sentence, and everything it rests on."""
    newest, now = evidence.newest, evidence.now
    if newest is None:
        return Trust(
            evidence.product, None, "no", f"Not yet. Nothing of {evidence.product} is due so far.",
            warnings=tuple(evidence.warnings), input_warnings=tuple(evidence.input_warnings),
        )  # fmt: skip
    caveats = () if newest.is_bad else tuple(_caveats(evidence, newest))
    verdict = "no" if newest.is_bad else "caveats" if caveats else "yes"
    return Trust(
        product=evidence.product,
        interval=newest.interval,
        answer=verdict,
        sentence=_refusal(evidence, newest) if newest.is_bad else _permission(evidence, newest, len(caveats)),
        state=newest.state,
        code=newest.setback.code if newest.setback else None,
        reasons=tuple(_reasons(evidence, newest)),
        remedy=_remedy(evidence, newest),
        caveats=caveats,
        root=evidence.root.product if evidence.root else None,
        readers=evidence.readers,
        readers_age=age(evidence.readers.at, now) if evidence.readers else None,
        due_by=evidence.deadline.isoformat() if evidence.deadline else None,
        rejected=tuple(evidence.rejected),
        warnings=tuple(evidence.warnings),
        input_warnings=tuple(evidence.input_warnings),
    )


def worst(answers: Sequence[Trust]) -> str:
    """One answer for all products: the gravest."""
    return max((each.answer for each in answers), key=ANSWERS.index, default="yes")


def deadline(by: str, days: str, due: datetime, timezone: str) -> datetime:
    """The first `by` o'clock in the zone at or after `due`; a business day where the contract says so."""
    zone = ZoneInfo(timezone)
    local = due.astimezone(zone)
    day = local.date()
    if datetime.combine(day, time.fromisoformat(by), zone) < local:
        day += timedelta(days=1)
    while days == "business" and day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, time.fromisoformat(by), zone)


def readers_see(evidence: Evidence) -> str:
    """What is there for readers, whatever went wrong."""
    if evidence.readers is None:
        return f"Readers have never seen {evidence.product}."
    shown = evidence.readers
    return f"Readers see {shown.interval}, version {shown.version}, published {age(shown.at, evidence.now)} ago."


def _refusal(evidence: Evidence, newest: IntervalState) -> str:
    name = f"{evidence.product} {newest.interval}"
    if newest.state == "missing" and evidence.deadline and evidence.now <= evidence.deadline and not evidence.root:
        return f"Not yet. {name} is due by {evidence.deadline:%H:%M}. {readers_see(evidence)}"
    code = f" ({newest.setback.code})" if newest.setback else ""
    root = f" because {evidence.root.product} {_bad(evidence.root)}" if evidence.root else ""
    return f"No. {name} {_WORDS[newest.state]}{code}{root}. {readers_see(evidence)}"


def _permission(evidence: Evidence, newest: IntervalState, caveats: int) -> str:
    assert newest.shown is not None
    first, shown = "Yes" if not caveats else f"Yes, with {count(caveats, 'caveat')}", newest.shown
    checked = "" if caveats else f" {shown.reason}"
    ago = age(shown.at, evidence.now)
    name = f"{evidence.product} {newest.interval}"
    return f"{first}. {name} is out as version {shown.version}, published {ago} ago.{checked}"


def _reasons(evidence: Evidence, newest: IntervalState) -> list[str]:
    """Why not; empty when readers have what they should."""
    if not newest.is_bad:
        return []
    said = [newest.setback.what] if newest.setback else []
    if evidence.deadline and evidence.now > evidence.deadline and newest.shown is None:
        zone = evidence.timezone
        late = age(evidence.deadline, evidence.now)
        said.append(f"It was due by {clock(evidence.deadline, zone)}, {late} ago, and is not out.")
    if evidence.root and evidence.root.setback:
        said.append(f"It began with {evidence.root.product} {evidence.root.interval}: {evidence.root.setback.what}")
    return said


def _remedy(evidence: Evidence, newest: IntervalState) -> str:
    """What to do first: where it began."""
    cause = evidence.root or newest
    if cause.setback:
        return cause.setback.remedy
    return f"sluice run {cause.product} --for {cause.interval}" if cause.state == "missing" else ""


def _caveats(evidence: Evidence, newest: IntervalState) -> list[str]:
    shown = newest.shown
    assert shown is not None
    said = list(shown.caveats)
    if newest.state == "stale":
        said.append(f"{listed(newest.changed)} got newer rows after it was published; running it again takes them in.")
    said += newest.pending
    came = datetime.fromisoformat(shown.first_at)
    if evidence.deadline and came > evidence.deadline:
        zone = evidence.timezone
        said.append(f"It came out {clock(came, zone)}, after the time promised, {clock(evidence.deadline, zone)}.")
    said += [f"{each.product} {_bad(each)}; this was made from its previous version." for each in evidence.upstream]
    for state, words in (("missing", "not published"), ("refused", "refused"), ("failed", "not built")):
        labels = [each.interval for each in evidence.older if each.state == state]
        if labels:
            said.append(f"{listed(labels)} {'is' if len(labels) == 1 else 'are'} {words}.")
    return [*said, *evidence.set_aside]


def _bad(state: IntervalState) -> str:
    return f"{state.interval} {_WORDS[state.state]}"
