"""The gate: a real Great Expectations checkpoint over each candidate, one verdict per interval.

Great Expectations is imported inside `audit` only: it costs seconds. Nothing passes for want of data: a column that a
check names must be there, an empty candidate is refused unless the contract allows it, and a rule of the contract's
gate over a column without a single value has failed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from sluice.errors import Misconfigured
from sluice.model.facts import Check
from sluice.quality.checks import GateCheck
from sluice.quality.vocabulary import EXPECTATIONS, nearest
from sluice.quality.words import limit, shown

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

    from sluice.quality.engine_checkpoint import Auditor

SAMPLES = 20
SEVERITIES = ("critical", "warning", "info")


def audit(
    batches: Mapping[str, pl.LazyFrame], checks: Sequence[GateCheck], *, columns: Collection[str]
) -> dict[str, tuple[Check, ...]]:
    """Every check on every batch, by the batch's label. `columns` are those the contract promises.

    Misconfigured when the checks themselves are wrong; a check that cannot be judged has failed, with its error.
    Each call has its own context, data source and checkpoint: one shared by six threads gave wrong results in silence.
    """
    auditor = _auditor(checks, columns)
    found = ((label, results) for label, frame in batches.items() for _, results in auditor.results(frame))
    return {label: tuple(_check(check, results[check.id]) for check in checks) for label, results in found}


def audit_parts(
    frame: pl.LazyFrame, part: str, labels: Sequence[str], checks: Sequence[GateCheck], *, columns: Collection[str]
) -> dict[str, tuple[Check, ...]]:
    """The same verdicts over one frame, in which the column `part` says whose row it is: a label without rows too."""
    found = _auditor(checks, columns).results(frame, part, labels)
    return {label: tuple(_check(check, results[check.id]) for check in checks) for label, results in found}


def _auditor(checks: Sequence[GateCheck], columns: Collection[str]) -> Auditor:
    suite = _suite(checks, columns)
    from sluice.quality.engine_checkpoint import Auditor

    return Auditor(suite, SAMPLES)


def row_counts(batches: Mapping[str, pl.LazyFrame]) -> dict[str, int]:
    """Rows of each batch, in one go."""
    counted = pl.collect_all([frame.select(pl.len()) for frame in batches.values()])
    return {label: int(each.item()) for label, each in zip(batches, counted, strict=True)}


def _suite(checks: Sequence[GateCheck], columns: Collection[str]) -> list[Expectation]:
    """Built one by one: given a list of dictionaries, Great Expectations drops what it cannot parse and passes."""
    if not checks:
        raise _invalid("the gate has no checks, and a gate without checks lets everything through", "")
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    from sluice.quality import engine_expectations, engine_metrics  # noqa: F401  (the first mends expectations)

    engine_metrics.register()
    suite, seen = [], set()
    for check in checks:
        type_, kwargs = check.expectation.get("type", ""), check.expectation.get("kwargs", {})
        if check.id in seen:
            raise _invalid("two checks have this id", check.id)
        seen.add(check.id)
        if type_ not in EXPECTATIONS:
            raise _invalid(f"unknown expectation {type_!r}{nearest(type_, EXPECTATIONS)}", check.id)
        if check.severity not in SEVERITIES:
            raise _invalid(f"unknown severity {check.severity!r}{nearest(check.severity, SEVERITIES)}", check.id)
        for name in kwargs:
            if name not in EXPECTATIONS[type_].args:
                raise _invalid(f"{type_} has no argument {name!r}{nearest(name, EXPECTATIONS[type_].args)}", check.id)
        for name in _named(kwargs):
            if name not in columns:
                raise _invalid(f"the contract has no column {name!r}{nearest(name, columns)}", check.id)
        try:
            suite.append(
                ExpectationConfiguration(
                    type=type_, kwargs=dict(kwargs), meta={"id": check.id}, severity=FailureSeverity(check.severity)
                ).to_domain_obj()
            )
        except Exception as error:  # Great Expectations raises many kinds; each means the check is not valid
            raise _invalid(f"{type_} was not accepted: {error}", check.id) from error
    return suite


def _named(kwargs: Mapping[str, Any]) -> list[str]:
    one = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    return [*one, *kwargs.get("column_list", ())]


def _check(check: GateCheck, result: ExpectationValidationResult) -> Check:
    found: dict[str, Any] = result.result or {}
    type_, kwargs = check.expectation["type"], check.expectation["kwargs"]
    success, error = bool(result.success), _error(result.exception_info)
    rows, unexpected = found.get("element_count"), found.get("unexpected_count") or 0
    samples = found.get("partial_unexpected_list") or ()
    observed: Any = found.get("observed_value")
    if rows is not None and observed is None:
        observed = f"{unexpected} of {rows} rows"
    if success and not check.derived and _judged_nothing(type_, found):
        success, observed = False, f"no value in any of {rows} rows: nothing to judge"
    if details := found.get("details"):
        observed = details.get("mismatched", observed)
    if "distinct_values" in type_:
        observed = observed or f"{unexpected} values outside the set"
    return Check(
        id=check.id, expect=type_, severity=check.severity, success=success and error is None,
        observed=shown(observed), limit=check.limit or limit(type_, kwargs), unexpected=int(unexpected),
        samples=tuple(shown(each) for each in list(samples)[:SAMPLES]), error=error,
    )  # fmt: skip


def _judged_nothing(type_: str, found: Mapping[str, Any]) -> bool:
    """Great Expectations calls it a success when every row is skipped as missing."""
    rows = found.get("element_count")
    return bool(EXPECTATIONS[type_].skips_nulls and rows and found.get("missing_count") == rows)


def _error(info: Any) -> str | None:
    """The first message in an exception report: it is either flat or one report per metric."""
    if not isinstance(info, dict):
        return None
    if "raised_exception" in info:
        return str(info.get("exception_message") or "unknown error") if info["raised_exception"] else None
    messages = [found for each in info.values() if (found := _error(each))]
    return messages[0] if messages else None


def _invalid(what: str, id_: str) -> Misconfigured:
    return Misconfigured(
        "catalog.invalid", what, f"check {id_}" if id_ else "", "mend the contract; `sluice check` shows what is wrong"
    )
