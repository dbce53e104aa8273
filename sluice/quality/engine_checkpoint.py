"""A checkpoint that judges many candidates, whose questions are worked out and answered once for all of them.

Great Expectations' own run does everything anew for each candidate: it compares every part with its stored copy, copies
each expectation, makes a graph of metrics, has it computed, asks each expectation for its metrics again, and stores the
results as JSON. Of 43 ms for a suite of 18, judging takes 0.2. Here the parts live and die within one audit; what its
expectations need to know is asked of them once, the engine answers for all candidates at a time, and each expectation
judges each candidate. The verdict is stored in the lake.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import great_expectations as gx
import polars as pl
from great_expectations.checkpoint.checkpoint import Checkpoint
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.core.freshness_diagnostics import (
    CheckpointFreshnessDiagnostics,
    ExpectationSuiteFreshnessDiagnostics,
    ValidationDefinitionFreshnessDiagnostics,
)
from great_expectations.core.validation_definition import ValidationDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation
from great_expectations.validator.exception_info import ExceptionInfo
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validation_statistics import calc_validation_statistics

from sluice.quality import engine_datasource  # noqa: F401  (registers add_polars)
from sluice.quality.engine import PolarsExecutionEngine, first_line
from sluice.quality.engine_batch import Batch, Known
from sluice.quality.engine_expectations import settled


class _Suite(gx.ExpectationSuite):
    def is_fresh(self) -> ExpectationSuiteFreshnessDiagnostics:
        return ExpectationSuiteFreshnessDiagnostics(errors=[])


class _Checkpoint(Checkpoint):
    def is_fresh(self) -> CheckpointFreshnessDiagnostics:
        return CheckpointFreshnessDiagnostics(errors=[])


class _Definition(ValidationDefinition):
    """Validates the candidate that the batch parameter `candidate` names, out of what is known of it."""

    _audit: Any = PrivateAttr(None)

    def is_fresh(self) -> ValidationDefinitionFreshnessDiagnostics:
        return ValidationDefinitionFreshnessDiagnostics(errors=[])

    def run(self, *, batch_parameters: Any = None, **_: Any) -> ExpectationSuiteValidationResult:
        label = batch_parameters["candidate"]
        results = self._audit.judge(label)
        statistics = calc_validation_statistics(results)
        return ExpectationSuiteValidationResult(
            results=results, success=statistics.success, suite_name=self.suite.name, batch_id=label, meta={},
            statistics=statistics._asdict(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Question:
    """An expectation, and what it has to be told of a candidate."""

    expectation: Expectation
    metrics: dict[str, MetricConfiguration]
    result_format: Any

    def judge(self, known: Known, engine: PolarsExecutionEngine) -> ExpectationValidationResult:
        """By the expectation's own words. What it cannot be told, or cannot judge, is a failure with its reason."""
        if known.failures:
            ids = sorted((metric.id for metric in self.metrics.values()), key=str)
            failed = {str(id_): _report(known.failures[id_]) for id_ in ids if id_ in known.failures}
            if failed:
                return self._failure(failed)
        values = {name: known.values[metric.id] for name, metric in self.metrics.items()}
        runtime = {"result_format": self.result_format}
        try:
            found = self.expectation._validate(values, runtime, engine)
            return self.expectation._build_evr(found)
        except Exception as error:  # noqa: BLE001 - as Great Expectations does: it is this check that has failed
            return self._failure(_report(error))

    def _failure(self, report: Any) -> ExpectationValidationResult:
        return ExpectationValidationResult(
            success=False, exception_info=report, expectation_config=self.expectation.configuration
        )


def _report(error: Exception) -> ExceptionInfo:
    return ExceptionInfo("".join(traceback.format_exception(error)), first_line(error))


class _Audit:
    """The questions of a suite, and what is known of each candidate."""

    def __init__(self, suite: Sequence[Expectation], engine: PolarsExecutionEngine, result_format: Any) -> None:
        self.engine, self.batch, self.questions = engine, Batch(engine, pl.LazyFrame()), []
        for each in suite:
            needs = each.get_validation_dependencies(engine, {"result_format": result_format})
            self.questions.append(_Question(each, dict(needs.metric_configurations), needs.result_format))

    def look(self, frame: pl.LazyFrame, part: str | None, labels: Sequence[str]) -> None:
        self.batch = Batch(self.engine, frame, part, labels)
        self.engine.load_batch_data("candidates", cast(Any, self.batch))
        self.engine.answer(self.batch, [metric for each in self.questions for metric in each.metrics.values()])

    def judge(self, label: str) -> list[ExpectationValidationResult]:
        known = self.batch.known[label]
        return [each.judge(known, self.engine) for each in self.questions]


class Auditor:
    """One context, data source and checkpoint; for one audit in one thread."""

    def __init__(self, suite: list[Expectation], samples: int) -> None:
        name = uuid4().hex  # some look-ups go through process-wide state: no two audits may call anything the same
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        source = context.data_sources.add_polars(name)
        batch = source.add_frame_asset(name).add_whole_frame(name)
        held = _Suite(name=name, expectations=suite)
        result_format = {"result_format": "BASIC", "partial_unexpected_count": samples}
        definition = _Definition(name=name, data=batch, suite=held)
        self.checkpoint = _Checkpoint(
            name=name, validation_definitions=[definition], actions=[], result_format=result_format
        )
        # What `add` returns is read back from JSON: dates and exact bounds have become text there. Ours are kept.
        context.suites.add(held)
        context.validation_definitions.add(definition)
        context.checkpoints.add(self.checkpoint)
        self.suite = suite
        self.audit = definition._audit = _Audit(suite, source.get_execution_engine(), result_format)

    def results(
        self, frame: pl.LazyFrame, part: str | None = None, labels: Sequence[str] = ("",)
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each candidate's label, and each expectation's result by the id in its meta."""
        with settled(self.suite):
            self.audit.look(frame, part, labels)
            for label in labels:
                run = self.checkpoint.run(batch_parameters={"candidate": label})
                (suite_result,) = run.run_results.values()
                configured = ((each.expectation_config, each) for each in suite_result.results)
                yield label, {c.meta["id"]: each for c, each in configured if c is not None and c.meta}
