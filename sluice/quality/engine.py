"""Great Expectations on Polars: an execution engine that answers a whole suite with one lazy collect.

Great Expectations ships none. Through pandas a suite costs six times as much and is wrong (nullable integers become
floats: 2^53 and 2^53 + 1 are equal). Here no metric depends on another one, so Great Expectations asks for all of them
at once; counts and samples of one condition share its evaluation, and samples cost nothing where nothing failed.
Importing this module imports Great Expectations (seconds): only `sluice.quality.gate` does, inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
from great_expectations.core.batch import BatchMarkers
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.exceptions.exceptions import MetricResolutionError
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations import registry
from great_expectations.expectations.row_conditions import (
    AndCondition,
    ComparisonCondition,
    Condition,
    NullityCondition,
    OrCondition,
    deserialize_row_condition,
)
from great_expectations.validator.metric_configuration import MetricConfiguration

from sluice.quality.masks import Operand

_COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": pl.Expr.__eq__, "!=": pl.Expr.__ne__, "<": pl.Expr.__lt__,
    "<=": pl.Expr.__le__, ">": pl.Expr.__gt__, ">=": pl.Expr.__ge__,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A metric that needs the data: one aggregate, what becomes of its value, and the masks it refers to by name.

    Masks are columns of their own, since Polars' elimination of common expressions still evaluated `is_duplicated`
    twice for a count and its samples (2.1.0: 0.39 s of CPU instead of 0.19 for a million rows).
    """

    expr: pl.Expr
    finish: Callable[[Any], Any] | None = None
    masks: Mapping[str, pl.Expr] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """One frame under audit, its schema, and what is known of it so far: values, and the metrics that failed."""

    execution_engine: PolarsExecutionEngine
    frame: pl.LazyFrame
    schema: pl.Schema
    values: dict[Any, Any] = field(default_factory=dict)
    failures: dict[Any, Exception] = field(default_factory=dict)

    def operand(self, name: str) -> Operand:
        if name not in self.schema:
            raise KeyError(f"there is no column {name!r}")
        return Operand(name, self.schema[name])


class PolarsExecutionEngine(ExecutionEngine[pl.Expr]):
    """Holds the batch that is being audited; one engine per audit, never shared between threads."""

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[Any, BatchMarkers]:
        frame: pl.LazyFrame = batch_spec.batch_data
        batch_spec.batch_data = "a Polars frame"  # results carry the spec; they must not carry the rows
        loaded = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return Batch(self, frame, frame.collect_schema()), BatchMarkers({"ge_load_time": loaded})

    def batch(self, domain: dict[str, Any]) -> Batch:
        held: dict[Any, Any] = self.batch_manager.batch_data_cache
        batch: Batch = held[domain.get("batch_id") or self.batch_manager.active_batch_data_id]
        return batch

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> pl.LazyFrame:
        frame = self.batch(domain_kwargs).frame
        condition = domain_kwargs.get("row_condition")
        if not condition:
            return frame
        parsed = deserialize_row_condition(condition)
        if not isinstance(parsed, Condition):
            raise ValueError(f"row conditions in text are not supported: {condition!r}")
        return frame.filter(self.condition_to_filter_clause(parsed))

    def get_compute_domain(
        self, domain_kwargs: dict[str, Any], domain_type: str | MetricDomainTypes, accessor_keys: Any = None
    ) -> tuple[pl.LazyFrame, dict[str, Any], dict[str, Any]]:
        parts = self._partition_domain_kwargs(domain_kwargs, domain_type, accessor_keys)
        return self.get_domain_records(domain_kwargs), parts.compute, parts.accessor

    def resolve_metric_bundle(self, metric_fn_bundle: Any) -> dict[Any, Any]:
        raise NotImplementedError("this engine has no bundles: resolve_metrics answers everything")

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[MetricConfiguration],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """All of them in one collect. A failure names one metric: the message is then that metric's own.

        Great Expectations asks three times for what failed; the answers are remembered, so that asking is free.
        """
        asked = sorted(metrics_to_resolve, key=lambda metric: str(metric.id))
        if not asked:
            return {}
        batch = self.batch(asked[0].metric_domain_kwargs)
        fresh = [each for each in asked if each.id not in batch.values and each.id not in batch.failures]
        wanted: list[tuple[MetricConfiguration, Wanted]] = []
        for each in fresh:
            _, provider = registry.get_metric_provider(each.metric_name, self)
            try:
                answer = provider(self, each.metric_domain_kwargs, each.metric_value_kwargs)
            except Exception as error:  # noqa: BLE001 - kept for this metric alone and raised below
                batch.failures[each.id] = error
                continue
            if isinstance(answer, Wanted):
                wanted.append((each, answer))
            else:
                batch.values[each.id] = answer
        self._collect(batch, wanted)
        for each in asked:
            if each.id in batch.failures:
                cause = batch.failures[each.id]
                raise MetricResolutionError(message=_first_line(cause), failed_metrics=(each,)) from cause
        return {each.id: batch.values[each.id] for each in asked}

    def _collect(self, batch: Batch, wanted: list[tuple[MetricConfiguration, Wanted]]) -> None:
        """One plan per row condition, all in one go; what fails is found first by its types, then by itself."""
        if not wanted:
            return
        try:
            self._answer(batch, wanted)
        except pl.exceptions.PolarsError:
            sound = []
            for each in wanted:
                try:
                    self._plan([each]).collect_schema()
                    sound.append(each)
                except Exception as error:  # noqa: BLE001 - kept for this metric alone and raised by resolve_metrics
                    batch.failures[each[0].id] = error
            if len(sound) < len(wanted):
                self._collect(batch, sound)
                return
            for each in sound:
                try:
                    self._answer(batch, [each])
                except Exception as error:  # noqa: BLE001 - as above
                    batch.failures[each[0].id] = error

    def _answer(self, batch: Batch, wanted: list[tuple[MetricConfiguration, Wanted]]) -> None:
        groups: dict[str, list[tuple[MetricConfiguration, Wanted]]] = {}
        for each in wanted:
            groups.setdefault(str(each[0].metric_domain_kwargs.get("row_condition")), []).append(each)
        rows = pl.collect_all([self._plan(group) for group in groups.values()])
        for row, group in zip(rows, groups.values(), strict=True):
            for place, (metric, wish) in enumerate(group):
                value = row.item(0, str(place))
                value = value.to_list() if isinstance(value, pl.Series) else value
                batch.values[metric.id] = wish.finish(value) if wish.finish else value

    def _plan(self, group: list[tuple[MetricConfiguration, Wanted]]) -> pl.LazyFrame:
        frame = self.get_domain_records(group[0][0].metric_domain_kwargs)
        masks = {name: mask for _, each in group for name, mask in each.masks.items()}
        return frame.with_columns(**masks).select(each.expr.alias(str(at)) for at, (_, each) in enumerate(group))

    def _comparison_condition_to_filter_clause(self, condition: ComparisonCondition) -> pl.Expr:
        operand = self.batch({}).operand(condition.column.name)
        operator = str(condition.operator)
        if operator in ("IN", "NOT_IN"):
            found = operand.among(condition.parameter)
            return found if operator == "IN" else ~found
        return _COMPARE[operator](operand.column, operand.literal(condition.parameter))

    def _nullity_condition_to_filter_clause(self, condition: NullityCondition) -> pl.Expr:
        column = self.batch({}).operand(condition.column.name).column
        return column.is_null() if condition.is_null else column.is_not_null()

    def _and_condition_to_filter_clause(self, condition: AndCondition) -> pl.Expr:
        return pl.all_horizontal([self.condition_to_filter_clause(each) for each in condition.conditions])

    def _or_condition_to_filter_clause(self, condition: OrCondition) -> pl.Expr:
        return pl.any_horizontal([self.condition_to_filter_clause(each) for each in condition.conditions])


def _first_line(error: Exception) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text.strip().split("\n\n")[0] or type(error).__name__
