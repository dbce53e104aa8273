"""Audit over real staged files: intervals that are looked at together are judged as they would be alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sluice.steps import audit, build, demand
from sluice.steps.audit import Verdict
from sluice.steps.build import BuildPlan, Candidate
from sluice.steps.workspace import Workspace
from tests.support.pipeline import PRODUCT, TRANSFORM, Shop, day_of_sales, sale

DAYS = [f"2026-05-{day:02}" for day in range(4, 12)]

DAILY = (
    PRODUCT.replace("min_value: 1}}", "min_value: 0}}")  # a day without sales is allowed, and has no file
    .replace("sales: {source: sales}", "sales: {source: sales}\n      newest: {source: sales, as_of: latest}")
    .replace("sum(sales.amount)}", "sum(sales.amount)}\n      - {id: C2, gold: count(), inputs: count(newest)}")
    .replace("metrics: {", "volume: {low: 50%, severity: warning}\n    metrics: {average: mean(revenue), ")
    .replace("    reconcile:", "      - {id: W1, expect: expect_column_sum_to_be_between,"
             " with: {column: sold, min_value: 2}, severity: warning}\n    reconcile:")
)  # fmt: skip
HOURLY = (
    PRODUCT.replace("sold_on: {type: date, nullable: false}", "sold_on: {type: timestamp, nullable: false}")
    .replace("    inputs:\n", "    interval: hour\n    inputs:\n")
)  # fmt: skip
BY_HOUR = TRANSFORM.replace('.dt.convert_time_zone("Asia/Tashkent").dt.date()', '.dt.truncate("1h")')


def built(shop: Shop, wanted: str) -> tuple[Workspace, BuildPlan, Candidate]:
    shop.ingest()
    ws = shop.ws
    plan = build.plan(ws, "takings", demand.parse(ws, "takings", wanted), shop.run())
    (labels,) = plan.chunks
    return ws, plan, build.build(ws, plan, labels)


def each_alone(ws: Workspace, plan: BuildPlan, candidate: Candidate) -> dict[str, Verdict]:
    found = {}
    for label, files in candidate.files.items():
        own = replace(candidate, files={label: files}, rows={label: candidate.rows[label]}, labels=(label,))
        found |= audit.audit(ws, plan, own)
    return found


@pytest.fixture
def week(tmp_path: Path) -> Shop:
    """Usual days, and among them one sale only, takings above the limit, and a day whose only sale is left out."""
    shop = Shop(
        tmp_path,
        product=DAILY,
        transform=TRANSFORM.replace("takings(sales)", "takings(sales, newest)").replace(
            "return sales", 'return sales.filter(pl.col("amount") > 0)'
        ),
    )
    for number, day in enumerate(DAYS):
        shop.drop(f"{day}.csv", *day_of_sales(day, range(number * 10, number * 10 + 3)))
    shop.drop(f"{DAYS[1]}.csv", sale(10, f"{DAYS[1]}T10:00:00"))
    shop.drop(f"{DAYS[2]}.csv", *day_of_sales(DAYS[2], [20, 21], "999999.99"))
    shop.drop(f"{DAYS[3]}.csv", sale(30, f"{DAYS[3]}T10:00:00", "0.00"))
    return shop


def test_intervals_looked_at_together_have_the_verdicts_they_have_alone(week: Shop) -> None:
    """Checks, sums, figures and profiles: a backfill says of each day what a nightly run would have said."""
    ws, plan, candidate = built(week, f"{DAYS[0]}..{DAYS[-1]}")
    together = audit.audit(ws, plan, candidate)
    assert together == each_alone(ws, plan, candidate)
    assert list(together) == DAYS
    assert candidate.rows[DAYS[3]] == 0
    assert together[DAYS[1]].caveats == ("W1: expected sum of sold at least 2, found 1",)
    assert (together[DAYS[2]].outcome, together[DAYS[2]].code) == ("refused", "gate.refused")
    assert together[DAYS[0]].metrics == {"average": "30.00", "revenue": "30.00"}


def test_groups_of_intervals_end_where_they_would_be_too_large(week: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the intervals are grouped, each is judged once, and in order."""
    ws, plan, candidate = built(week, f"{DAYS[0]}..{DAYS[-1]}")
    together = audit.audit(ws, plan, candidate)
    for name, most in (("_TOGETHER", 3), ("_ROWS", 2), ("_ROWS", 0)):
        with monkeypatch.context() as patched:
            patched.setattr(audit, name, most)
            again = audit.audit(ws, plan, candidate)
        assert again == together
        assert list(again) == DAYS


def test_hours_of_a_zone_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    """An hour's label has signs that a folder's name has to escape: read back, they are the label again."""
    shop = Shop(tmp_path, product=HOURLY, transform=BY_HOUR)
    shop.drop("a.csv", *[sale(n, f"2026-05-04T{hour:02}:30:00", f"{n}.00") for n, hour in enumerate([9, 9, 10, 12])])
    ws, plan, candidate = built(shop, "2026-05-04T09+0500..2026-05-04T12+0500")
    together = audit.audit(ws, plan, candidate)
    assert together == each_alone(ws, plan, candidate)
    assert {verdict.rows for verdict in together.values()} == {0, 1}
    assert {label for label, verdict in together.items() if verdict.outcome == "refused"} == {
        label for label, rows in candidate.rows.items() if not rows
    }
