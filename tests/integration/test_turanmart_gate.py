"""TuranMart's gates: the right days pass, and an export in tiyin is refused by rule and by reconciliation."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from catalog.world.story import FIRST, SECOND
from sluice.model.facts import Check
from sluice.quality.checks import product_checks
from sluice.quality.gate import audit
from sluice.quality.reconcile import reconcile
from tests.support.world import PRODUCTS, inputs_of, output_columns, run, story_truth, turanmart


def judged(product: str, day: date, inputs: dict[str, pl.LazyFrame]) -> dict[str, Check]:
    """The candidate of one day, through its gate and its reconciliations, as the engine does it."""
    contract = turanmart().product(product)
    day_of = contract.output.interval
    candidate = run(product, inputs).filter(pl.col(day_of) == day).lazy()
    own = dict(inputs)
    if "daily_sales" in own:
        own["daily_sales"] = own["daily_sales"].filter(pl.col("sale_on") == day)
    if "inventory" in own:
        local = pl.col("counted_at").dt.convert_time_zone("Asia/Tashkent").dt.date()
        own["inventory"] = own["inventory"].filter(local == day)
    verdict = audit({str(day): candidate}, product_checks(contract), columns=list(output_columns(product)))[str(day)]
    return {check.id: check for check in (*verdict, *reconcile(contract, candidate, own))}


def in_tiyin(orders: pl.LazyFrame) -> pl.LazyFrame:
    """What the broken export writes for six orders in ten."""
    touched = pl.col("order_id") % 10 < 6
    wrong = pl.when(touched).then(pl.col("order_total") * 100).otherwise("order_total")
    return orders.with_columns(order_total=wrong.cast(pl.Decimal(12, 2)))


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_right_days_pass_every_critical_check(product: str) -> None:
    """A gate that refuses good days is switched off within a week."""
    days = [FIRST] if product == "daily_sales" else [FIRST, SECOND]
    checks = judged(product, days[-1], inputs_of(product, story_truth(), days))
    assert [each for each in checks.values() if each.severity == "critical" and not each.success] == []


def test_totals_in_tiyin_are_refused_by_the_gate_and_by_reconciliation() -> None:
    """Each row is valid by itself; only the day as a whole can be caught, and two rules must catch it."""
    inputs = inputs_of("daily_sales", story_truth(), [SECOND])
    checks = judged("daily_sales", SECOND, {**inputs, "store_orders": in_tiyin(inputs["store_orders"])})
    failed = {each.id for each in checks.values() if each.severity == "critical" and not each.success}
    assert failed == {"G4", "C2"}
    assert checks["C1"].success  # the product adds up to its inputs: it is the inputs that are wrong


def test_a_store_that_is_not_on_the_list_is_a_caveat_and_no_refusal() -> None:
    """New stores open every month; their first day must go out, and say so."""
    checks = judged("daily_sales", SECOND, inputs_of("daily_sales", story_truth(), [SECOND]))
    failed = {each.id: each.severity for each in checks.values() if not each.success}
    assert failed == {"W1": "warning"}
