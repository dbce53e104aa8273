"""Great Expectations on Polars: an execution engine that answers a whole suite with one lazy collect.

Great Expectations ships none. Through pandas a suite costs six times as much and is wrong (nullable integers become
floats: 2^53 and 2^53 + 1 are equal). Here no metric depends on another one, so Great Expectations asks for all of them
at once; counts and samples of one condition share its evaluation, and samples cost nothing where nothing failed.
Importing this module imports Great Expectations (seconds): only `sluice.quality.gate` does, inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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

from sluice.quality.engine_batch import Batch, Question, Wanted

_COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": pl.Expr.__eq__, "!=": pl.Expr.__ne__, "<": pl.Expr.__lt__,
    "<=": pl.Expr.__le__, ">": pl.Expr.__gt__, ">=": pl.Expr.__ge__,
}  # fmt: skip


class PolarsExecutionEngine(ExecutionEngine[pl.Expr]):
    """Holds the batch that is being audited; one engine per audit, never shared between threads."""

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[Any, BatchMarkers]:
        frame: pl.LazyFrame = batch_spec.batch_data
        batch_spec.batch_data = "a Polars frame"  # results carry the spec; they must not carry the rows
        loaded = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return Batch(self, frame), BatchMarkers({"ge_load_time": loaded})

    def batch(self, domain: Mapping[str, Any]) -> Batch:
        held: dict[Any, Any] = self.batch_manager.batch_data_cache
        batch: Batch = held[domain.get("batch_id") or self.batch_manager.active_batch_data_id]
        return batch

    def get_domain_records(self, domain_kwargs: dict[str, Any]) -> pl.LazyFrame:
        frame, where = self.batch(domain_kwargs).frame, self.where(domain_kwargs)
        return frame if where is None else frame.filter(where)

    def where(self, domain: Mapping[str, Any]) -> pl.Expr | None:
        """The rows that the domain's condition speaks of."""
        condition = domain.get("row_condition")
        if not condition:
            return None
        parsed = deserialize_row_condition(condition)
        if not isinstance(parsed, Condition):
            raise ValueError(f"row conditions in text are not supported: {condition!r}")
        clause: pl.Expr = self.condition_to_filter_clause(parsed)
        return clause

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
        """Great Expectations' own way to ask. A failure names one metric: the message is then that metric's own.

        It asks three times for what failed; the answers are remembered, so that asking is free.
        """
        asked = sorted(metrics_to_resolve, key=lambda metric: str(metric.id))
        if not asked:
            return {}
        batch = self.batch(asked[0].metric_domain_kwargs)
        self.answer(batch, asked)
        (known,) = batch.known.values()
        for each in asked:
            if each.id in known.failures:
                cause = known.failures[each.id]
                raise MetricResolutionError(message=first_line(cause), failed_metrics=(each,)) from cause
        return {each.id: known.values[each.id] for each in asked}

    def answer(self, batch: Batch, metrics: Iterable[MetricConfiguration]) -> None:
        """Every metric for every candidate of the batch; the answers are kept there."""
        known = next(iter(batch.known.values()))
        fresh = {each.id: each for each in metrics if each.id not in known.values and each.id not in known.failures}
        questions = []
        for each in fresh.values():
            _, provider = registry.get_metric_provider(each.metric_name, self)
            domain = each.metric_domain_kwargs
            try:
                answer = provider(self, domain, each.metric_value_kwargs)
                where = self.where(domain) if isinstance(answer, Wanted) else None
            except Exception as error:  # noqa: BLE001 - kept for this metric alone: whoever asks for it has failed
                batch.fail(each.id, error)
                continue
            if isinstance(answer, Wanted):
                questions.append(Question(each.id, answer, where, str(domain.get("row_condition"))))
            else:
                batch.settle(each.id, answer)
        batch.answer(questions)

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


def first_line(error: Exception) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text.strip().split("\n\n")[0] or type(error).__name__
