"""The rows under audit, and how they are asked: everything about every candidate in one collect.

A batch is one candidate, or many, told apart by a column. A second collect, over the candidates that need it, comes
only where something is wrong: samples of what is bad, and the exact count of what seems to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from sluice.quality.masks import Operand


@dataclass(frozen=True, slots=True)
class Column:
    """A column made for asking, true on bad rows for instance. `across`: it compares rows of a candidate."""

    expr: pl.Expr
    across: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One aggregate. Asks of one name are one ask; `columns` are what the aggregate refers to by name.

    `narrow` leaves out rows that cannot change the answer; asks that share it have it under the same name.

    Columns of their own, since Polars' elimination of common expressions still evaluated `is_duplicated` twice for a
    count and its samples (2.1.0: 0.39 s of CPU instead of 0.19 for a million rows).
    """

    name: str
    expr: pl.Expr
    columns: Mapping[str, Column] = field(default_factory=dict)
    listed: bool = False  # many values, not one
    narrow: tuple[str, Callable[[pl.LazyFrame], pl.LazyFrame]] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A metric that needs the data: what is asked of every candidate, and what becomes of the answer.

    With `more`, the answer 0 settles it, and the value is `otherwise`; where it is another one, `more` is asked. An
    answer that is not `sure` among many candidates is asked again of the candidate alone.
    """

    ask: Ask
    finish: Callable[[Any], Any] | None = None
    more: Ask | None = None
    otherwise: Any = None
    sure: Callable[[Any], bool] | None = None

    def value(self, answer: Any) -> Any:
        ask = self.more or self.ask
        answer = list(answer) if ask.listed else answer
        return self.finish(answer) if self.finish else answer


@dataclass(frozen=True, slots=True)
class Question:
    """A metric by its id, over the rows that meet a condition. Equal conditions have equal keys."""

    id: Hashable
    wanted: Wanted
    where: pl.Expr | None = None
    condition: str = ""


@dataclass(slots=True)
class Known:
    """What was found out of one candidate: values, and what failed."""

    values: dict[Any, Any] = field(default_factory=dict)
    failures: dict[Any, Exception] = field(default_factory=dict)


class Batch:
    """The frame under audit. With `part`, a column, it holds several candidates, one for each of the `labels`."""

    def __init__(
        self, execution_engine: Any, frame: pl.LazyFrame, part: str | None = None, labels: Sequence[str] = ("",)
    ) -> None:
        self.execution_engine, self.frame, self.part, self.labels = execution_engine, frame, part, labels
        columns = frame.collect_schema().items()
        self.schema = pl.Schema({name: dtype for name, dtype in columns if name != part})
        self.known = {label: Known() for label in labels}

    def operand(self, name: str) -> Operand:
        if name not in self.schema:
            raise KeyError(f"there is no column {name!r}")
        return Operand(name, self.schema[name])

    def settle(self, id_: Hashable, value: Any) -> None:
        for known in self.known.values():
            known.values[id_] = value

    def fail(self, id_: Hashable, error: Exception) -> None:
        for known in self.known.values():
            known.failures[id_] = error

    def answer(self, questions: Sequence[Question]) -> None:
        """All at once. What fails is found first by its types, then by its candidate, then by itself."""
        if not questions:
            return
        try:
            self._answer(questions)
        except Exception as error:  # noqa: BLE001 - asked again in smaller pieces, and kept where it comes again
            if not isinstance(error, pl.exceptions.PolarsError):
                for each in questions:  # storage that broke: to ask again, one by one, would not help
                    self.fail(each.id, error)
                return
        else:
            return
        sound = [each for each in questions if self._is_sound(each)]
        if len(sound) < len(questions):
            self.answer(sound)
        elif self.part is not None:
            for label in self.labels:
                self._alone(label).answer(sound)
        else:
            for each in sound:
                try:
                    self._answer([each])
                except Exception as error:  # noqa: BLE001 - kept for this question alone
                    self.fail(each.id, error)

    def _is_sound(self, question: Question) -> bool:
        wanted = question.wanted
        try:
            for ask in filter(None, (wanted.ask, wanted.more)):
                _plan(self.frame, self.part, question.where, [ask]).collect_schema()
        except Exception as error:  # noqa: BLE001 - kept for this question alone
            self.fail(question.id, error)
            return False
        return True

    def _alone(self, label: str) -> Batch:
        """One of the candidates; what is found out of it is known here too."""
        alone = Batch(self.execution_engine, self.frame.filter(pl.col(self.part or "") == label).drop(self.part or ""))
        alone.labels, alone.known = (label,), {label: self.known[label]}
        return alone

    def _answer(self, questions: Sequence[Question]) -> None:
        first = self._ask({each.id: each.wanted.ask for each in questions}, questions, self.labels)
        doubted = [each for each in questions if each.wanted.more]
        labels = [label for label in self.labels if any(first[label][each.id] != 0 for each in doubted)]
        unsettled = [each for each in doubted if any(first[label][each.id] != 0 for label in labels)]
        second = self._ask({each.id: each.wanted.more for each in unsettled if each.wanted.more}, unsettled, labels)
        for label, known in self.known.items():
            unsure = []
            for each in questions:
                answer = first[label][each.id]
                if self.part is not None and each.wanted.sure and not each.wanted.sure(answer):
                    unsure.append(each)
                    continue
                if each.wanted.more:
                    answer = second[label][each.id] if answer != 0 else each.wanted.otherwise
                known.values[each.id] = each.wanted.value(answer)
            if unsure:
                self._alone(label).answer(unsure)

    def _ask(
        self, asks: Mapping[Hashable, Ask], questions: Iterable[Question], labels: Sequence[str]
    ) -> dict[str, dict[Any, Any]]:
        """label -> question -> answer. One plan for each way to filter the rows."""
        groups: dict[tuple[str, str], list[Question]] = {}
        for each in questions:
            narrow = asks[each.id].narrow if self.part is None else None
            groups.setdefault((each.condition, narrow[0] if narrow else ""), []).append(each)
        frame = self.frame
        if self.part is not None and len(labels) < len(self.labels):
            frame = frame.filter(pl.col(self.part).is_in(list(labels)))
        plans = [_plan(frame, self.part, group[0].where, [asks[q.id] for q in group]) for group in groups.values()]
        found: dict[str, dict[Any, Any]] = {label: {} for label in labels}
        for rows, group in zip(pl.collect_all(plans), groups.values(), strict=True):
            own = {row.get(self.part or "", labels[0]): row for row in rows.iter_rows(named=True)}
            if missing := [label for label in labels if label not in own]:
                nothing = _plan(pl.LazyFrame(schema=self.schema), None, group[0].where, [asks[q.id] for q in group])
                own |= dict.fromkeys(missing, nothing.collect().row(0, named=True))
            for label in labels:
                found[label].update({each.id: own[label][asks[each.id].name] for each in group})
        return found


def _plan(frame: pl.LazyFrame, part: str | None, where: pl.Expr | None, asks: Iterable[Ask]) -> pl.LazyFrame:
    """One row of answers for each candidate that has rows. All asks are narrowed alike, or none."""
    by_name = {ask.name: ask for ask in asks}
    columns = {name: column for ask in by_name.values() for name, column in ask.columns.items()}
    frame = frame if where is None else frame.filter(where)
    if part is None:
        if narrow := next(iter(by_name.values())).narrow:
            frame = narrow[1](frame)
        made = frame.with_columns(**{name: column.expr for name, column in columns.items()})
        return made.select((ask.expr.implode() if ask.listed else ask.expr).alias(n) for n, ask in by_name.items())
    made = frame.with_columns(
        **{name: column.expr.over(part) if column.across else column.expr for name, column in columns.items()}
    )
    return made.group_by(part).agg(ask.expr.alias(name) for name, ask in by_name.items())
