"""Reconciliation, volume and the verdict over them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from sluice.errors import Misconfigured
from sluice.model.facts import Check
from sluice.quality.reconcile import reconcile
from sluice.quality.verdict import judge
from sluice.quality.volume import volume
from tests.support.quality import ROWS, product

GOLD = pl.LazyFrame({"revenue": [Decimal("10.00"), Decimal("0.02")]})


def contract(tolerance: float = 0.01, inputs: str = "sum(orders.total) - sum(returns.total)", **more):
    sums = [{"id": "C1", "gold": "sum(revenue)", "inputs": inputs, "tolerance": tolerance}]
    return product({"revenue": {"type": "decimal(18,2)"}}, [ROWS], reconcile=sums, **more)


@pytest.mark.parametrize(("total", "success"), [("10.02", True), ("10.03", True), ("10.04", False), ("10.00", False)])
def test_sums_must_agree_within_the_tolerance_exactly(total, success):
    """The tolerance is a promise to the cent: 0.01 off passes, 0.02 off does not, whatever floats think of it."""
    orders = pl.LazyFrame({"total": [Decimal(total)]})
    (check,) = reconcile(contract(), GOLD, {"orders": orders, "returns": None})
    assert check.success is success
    assert check.kind == "reconcile"
    assert check.observed.startswith("gold 10.02, inputs ")
    assert check.limit == "a difference of at most 0.01"


def test_a_sum_without_a_value_does_not_reconcile():
    """Nothing equals nothing, and so would a broken join: it must not pass."""
    (check,) = reconcile(contract(inputs="mean(orders.total)"), GOLD, {"orders": GOLD.select(total="revenue").head(0)})
    assert not check.success
    assert "has no value" in check.observed


def test_a_formula_over_a_column_that_is_gone_is_the_authors_to_mend():
    """It is neither a refusal nor a bug: the contract names what the input no longer has."""
    with pytest.raises(Misconfigured, match="did you mean 'totals'") as caught:
        reconcile(contract(), GOLD, {"orders": pl.LazyFrame({"totals": [1]}), "returns": None})
    assert caught.value.code == "catalog.invalid"


MONDAY = date(2026, 6, 1)
WEEKS = [(MONDAY - timedelta(days=7 * n), 100) for n in range(1, 9)]
SUNDAYS = [(MONDAY - timedelta(days=7 * n + 1), 3) for n in range(8)]


def bounded(**bounds):
    return contract(volume={"low": "50%", "high": 3.0, "against": "4 same weekdays", **bounds})


@pytest.mark.parametrize(("rows", "success"), [(49, False), (50, True), (300, True), (301, False)])
def test_volume_is_judged_against_the_same_weekdays(rows, success):
    """Sundays are thin everywhere: compared with them every Monday is an alarm."""
    check = volume(bounded(), rows, [*WEEKS, *SUNDAYS], day=MONDAY)
    assert check.success is success
    assert "median of 4" in check.observed


def test_volume_compares_with_what_came_before_only():
    """In a backfill the following weeks are published already; they say nothing of what was usual then."""
    later = [(MONDAY + timedelta(days=7 * n), 1) for n in range(1, 9)]
    assert volume(bounded(), 100, [*WEEKS, *later], day=MONDAY).success


def test_too_little_history_passes_and_says_so():
    """A new product must be able to publish its first days."""
    check = volume(bounded(), 0, WEEKS[:2], day=MONDAY)
    assert check.success
    assert "too little history" in check.observed
    assert volume(contract(), 0, WEEKS, day=MONDAY) is None


def check(id_: str, *, success: bool = False, severity: str = "critical", kind: str = "gate") -> Check:
    return Check(id_, "expect_x", severity, success, observed="3", limit="at least 4", kind=kind)


@pytest.mark.parametrize(
    ("checks", "outcome", "code"),
    [
        ([check("a", success=True)], "passed", None),
        ([check("a", severity="info")], "passed", None),
        ([check("a", severity="warning"), check("b", success=True)], "caveats", None),
        ([check("v", kind="volume"), check("c", kind="reconcile"), check("a")], "refused", "gate.refused"),
        ([check("v", kind="volume"), check("c", kind="reconcile")], "refused", "reconcile.mismatch"),
        ([check("v", kind="volume"), check("a", severity="warning")], "refused", "volume.low"),
        ([check("a", severity="criticall")], "refused", "gate.refused"),
        ([], "refused", "gate.refused"),
    ],
)
def test_the_verdict_follows_severity_and_names_the_root_cause(checks, outcome, code):
    """Readers' numbers hang on this: unknown severities and empty lists must fall on the safe side."""
    assert judge(checks)[:2] == (outcome, code)


def test_the_reason_is_a_sentence_with_observed_and_limit():
    """It stands in the alert at 07:20 and on the trust page."""
    assert judge([check("G2")]).reason == "Refused: G2 expected at least 4, but found 3."
