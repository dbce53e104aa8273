"""Where every product and source stands: the ledger's facts, handed to `sluice.ops` for the judgement.

Reads the lake alone: with the orchestrator down and its database deleted the answers are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sluice.lake.table import Snapshot
from sluice.model.interval import Interval
from sluice.model.product import ProductContract
from sluice.ops import trust as judgement
from sluice.ops.intervals import IntervalState, Setback, Shown, judge
from sluice.ops.trust import Evidence, Rejected, Trust
from sluice.steps import _sources
from sluice.steps.demand import due_at, expected, is_due, newest_due
from sluice.steps.inputs import Pinned
from sluice.steps.publications import Attempt, Publication, attempts, history, newest
from sluice.steps.workspace import Workspace


class Standing:
    """One look at the lake: every table is opened once, whatever is asked."""

    def __init__(self, ws: Workspace, gold: dict[str, Snapshot | None] | None = None) -> None:
        self.ws, self.now = ws, ws.now()
        self._gold = dict(gold or {})
        self._pinned: dict[str, Pinned] = {}

    def states(
        self,
        product: str,
        intervals: Sequence[Interval],
        *,
        compare: bool = True,
        found: dict[str, Publication] | None = None,
    ) -> list[IntervalState]:
        """Each interval's state; without `compare` the inputs are not looked at, and nothing is stale. `found`: their
        standing publications, where they are known."""
        labels, gold = [i.label for i in intervals], self.gold(product)
        found = newest(self.ws, product, labels, gold) if found is None else found
        if gold is not None:
            gold.in_partitions(labels)  # at once, and not one by one below
        if compare and found:
            self.pinned(product).look_ahead(intervals)
        setbacks: dict[str, list[Setback]] = {}
        for label, setback in recorded(self.ws, product, labels):
            setbacks.setdefault(label, []).append(setback)
        states = []
        for interval in intervals:
            publication = found.get(interval.label)
            told: tuple[list[str], list[str], list[str]] = ([], [], [])
            if compare and publication is not None:
                told = self._since(publication, interval)
            shown = _shown(publication) if publication else None
            if publication is not None and (what := self._tampered(publication)):
                setbacks.setdefault(interval.label, []).append(self._corrupt(product, what))
            states.append(judge(product, interval.label, shown, setbacks.get(interval.label, ()), *told))
        return states

    def expected(self, product: str, last: int) -> list[IntervalState]:
        """The newest intervals that should exist by now, oldest first."""
        return self.states(product, expected(self.ws.catalog.product(product), self.now, newest=last))

    def trust(self, product: str) -> Trust:
        """Can we trust its newest interval that is due?"""
        contract = self.ws.catalog.product(product)
        interval = newest_due(contract, self.now)
        sources = _source_names(contract)
        zone, warnings = contract.schedule.timezone, contract.warnings
        of_inputs = [f"{name}: {said}" for name in sources for said in self.ws.catalog.source(name).warnings]
        if interval is None:
            none = Evidence(product, zone, self.now, None, None, warnings=warnings, input_warnings=of_inputs)
            return judgement.answer(none)
        state = self.states(product, [interval])[0]
        if state.shown:
            state = replace(state, shown=replace(state.shown, first_at=self._first_at(product, interval.label)))
        upstream = self._bad_inputs(contract, interval)
        evidence = Evidence(
            product=product,
            timezone=zone,
            now=self.now,
            newest=state,
            deadline=deadline(contract, interval),
            older=self._older(contract, interval),
            readers=self._readers(contract, state),
            set_aside=_sources.files_set_aside(self.ws, sources, since=interval.start),
            upstream=upstream,
            root=self._root(upstream) if state.is_bad else None,
            rejected=self._rejected(contract, interval),
            warnings=warnings,
            input_warnings=of_inputs,
        )
        return judgement.answer(evidence)

    def _tampered(self, publication: Publication) -> str | None:
        """What others did to the files of a publication: rows that nobody audited, or rows that are gone."""
        gold = self.gold(publication.product)
        assert gold is not None
        files = gold.in_partitions([publication.interval])
        if strange := [f.path for f in files if not f.path.endswith(f"-{publication.run}.parquet")]:
            return f"another tool has put {strange[0]} there, which this publication has not audited"
        rows = sum(f.rows for f in files)
        if rows != publication.facts["rows"]:
            return f"another tool has taken rows away: {rows} of {publication.facts['rows']} are left"
        return None

    def _corrupt(self, product: str, what: str) -> Setback:
        remedy = "Run the interval again: it puts audited files in their place."
        return Setback(self.now.isoformat(), "~", "lake.corrupt", "broken", what, f"gold.{product}", remedy)

    def gold(self, product: str) -> Snapshot | None:
        if product not in self._gold:
            self._gold[product] = self.ws.gold(product).snapshot()
        return self._gold[product]

    def pinned(self, product: str) -> Pinned:
        if product not in self._pinned:
            self._pinned[product] = Pinned(self.ws, self.ws.catalog.product(product))
        return self._pinned[product]

    def _since(self, publication: Publication, interval: Interval) -> tuple[list[str], list[str], list[str]]:
        """What came after a publication: inputs with other rows, rows refused on their way, things worth a note."""
        pinned = self.pinned(publication.product)
        changed: list[str] = []
        pending: list[str] = []
        notes: list[str] = []
        for name, each in pinned.contract.inputs.items():
            before = publication.facts["inputs"].get(name, {})
            now = pinned.reading(name, interval)
            if now.refused:
                pending.append(f"Newer rows of {name} were refused: {now.refused}")
            if before.get("content") == now.content:
                continue
            if each.as_of == "latest" and before:  # the interval's own rows are what they were
                notes.append(f"a newer snapshot of {name} has come")
            else:
                changed.append(name)
        return changed, pending, notes

    def _older(self, contract: ProductContract, than: Interval) -> list[IntervalState]:
        """Intervals that late data may still change, and that are not as they should be."""
        calendar = contract.calendar
        since = calendar.holding(self.now - contract.late_data.auto).start
        due = [
            i
            for i in calendar.between(since, than.start)
            if i.first_day >= contract.schedule.start and is_due(contract, i, self.now)
        ]
        states = self.states(contract.product, due, compare=False)
        wanted = contract.schedule.catch_up == "all"  # otherwise nobody means to build what was missed
        return [s for s in states if s.is_bad and (wanted or s.state != "missing")]

    def _bad_inputs(self, contract: ProductContract, interval: Interval) -> list[IntervalState]:
        """Intervals of the products it reads that are not as they should be."""
        bad: list[IntervalState] = []
        for each in contract.inputs.values():
            if each.product is None:
                continue
            upstream = self.ws.catalog.product(each.product)
            start = upstream.calendar.holding(interval.start - (each.lookback or timedelta(0))).start
            covering = [
                i
                for i in upstream.calendar.between(start, interval.end)
                if i.first_day >= upstream.schedule.start and is_due(upstream, i, self.now)
            ]
            bad += [s for s in self.states(each.product, covering, compare=False) if s.is_bad]
        return bad

    def _root(self, upstream: Sequence[IntervalState]) -> IntervalState | None:
        """Where it began: the first of the bad inputs, and what was bad before it."""
        root = None
        while upstream:
            root = upstream[-1]  # the newest: an old gap of a lookback is seldom the cause
            contract = self.ws.catalog.product(root.product)
            upstream = self._bad_inputs(contract, contract.calendar.parse(root.interval))
        return root

    def _readers(self, contract: ProductContract, state: IntervalState) -> Shown | None:
        """The newest interval that readers see."""
        if state.shown:
            return state.shown
        gold = self.gold(contract.product)
        labels = {f.partition for f in gold.files() if f.partition} if gold else set()
        if not labels:
            return None
        last = max(labels, key=lambda label: contract.calendar.parse(label).start)
        publication = newest(self.ws, contract.product, [last], gold).get(last)
        return _shown(publication) if publication else None

    def _first_at(self, product: str, label: str) -> str:
        """When the interval first came out: a restatement of today does not make it late."""
        return [each.at for each in history(self.ws, product, label, self.gold(product))][-1]

    def _rejected(self, contract: ProductContract, interval: Interval) -> list[Rejected]:
        """What refining set aside on the interval's days, by input."""
        pinned, rejected = self.pinned(contract.product), []
        for name, each in contract.inputs.items():
            if each.source is None or each.as_of == "latest":
                continue
            days = _sources.days(self.ws, each.source, interval)
            counts = _sources.day_counts(pinned.snapshots[name], days).values()
            rows_in, rows = sum(c["in"] for c in counts), sum(c["quarantined"] for c in counts)
            rejected.append(Rejected(each.source, rows_in, rows))
        return rejected


def recorded(ws: Workspace, subject: str, intervals: Iterable[str] | None = None) -> list[tuple[str, Setback]]:
    """The attempts of a product or source that came to nothing, newest first, each with its interval."""
    return [(each.interval, _setback(each)) for each in attempts(ws, subject, intervals)]


def deadline(contract: ProductContract, interval: Interval) -> datetime:
    """Until when the interval has to be out, by the contract's freshness."""
    fresh = contract.freshness
    return judgement.deadline(fresh.by, fresh.days, due_at(contract, interval), contract.schedule.timezone)


def _setback(attempt: Attempt) -> Setback:
    return Setback.from_dict(attempt.as_dict())


def _shown(publication: Publication) -> Shown:
    facts = publication.facts
    return Shown(
        interval=publication.interval,
        version=publication.version,
        at=publication.at,
        first_at=publication.at,
        run=publication.run,
        outcome=publication.outcome,
        rows=facts["rows"],
        reason=facts["reason"],
        caveats=tuple(facts["caveats"]),
    )


def _source_names(contract: ProductContract) -> list[str]:
    return sorted({each.source for each in contract.inputs.values() if each.source})
