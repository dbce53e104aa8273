"""Formulas are exact, and wrong ones say so with the nearest word."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.quality.checks import problems
from sluice.quality.formulas import complaints, evaluate, evaluate_all, evaluate_each, metrics, metrics_by
from tests.support.quality import ROWS, product

ORDERS = pl.LazyFrame({"total": [Decimal("0.10"), Decimal("0.20"), None], "n": [1, 2, 2]})
FRAMES = {"orders": ORDERS, "returns": None}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("sum(orders.total)", Decimal("0.30")),
        ("sum(orders.total) + sum(returns.total) - 3", Decimal("-2.70")),
        ("count(orders)", 3),
        ("count(orders.total)", 2),
        ("count_distinct(orders.n)", 2),
        ("min(orders.n) * -2", -2),
        ("max(orders.total) / 2", Decimal("0.1")),
        ("mean(orders.total)", Decimal("0.15")),
        ("(1 + 2) * 3 / 4", Decimal("2.25")),
        ("sum(orders.total) * 0.1", Decimal("0.030")),
        ("count(returns) / count(returns)", None),
    ],
)
def test_formulas_are_computed_exactly(formula, value):
    """Money is reconciled with these: 0.1 + 0.2 is 0.3 here."""
    found = evaluate(formula, FRAMES)
    assert found == value
    assert not isinstance(found, float)


def test_a_sum_of_no_rows_is_zero_and_their_mean_is_nothing():
    """A day without returns reconciles; a mean of nothing must not read as zero."""
    empty = {"": ORDERS.head(0)}
    assert evaluate("sum(total) + sum(n) + count()", empty, "") == 0
    assert evaluate("mean(total)", empty, "") is None
    assert evaluate("mean(total) - 1", empty, "") is None


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6))
def test_sums_of_int64_do_not_wrap_around(values):
    """Polars' own sum of int64 wraps in silence."""
    assert evaluate("sum(n)", {"": pl.LazyFrame({"n": values}, schema={"n": pl.Int64})}, "") == sum(values)


@given(st.lists(st.decimals(-(10**30), 10**30, places=6), max_size=6))
def test_sums_of_decimals_are_exact(values):
    """No float in between, at any size."""
    frame = pl.LazyFrame({"x": values}, schema={"x": pl.Decimal(38, 6)})
    from decimal import localcontext

    with localcontext() as context:
        context.prec = 60
        assert evaluate("sum(x) - 0.5", {"": frame}, "") == sum(values, Decimal(0)) - Decimal("0.5")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("summ(orders.total)", "did you mean 'sum'"),
        ("sum(orders.totl)", "did you mean 'total'"),
        ("sum(order.total)", "did you mean 'orders'"),
        ("sum(total)", "say of which input, like sum(orders.total)"),
        ("total", "stands alone"),
        ("sum(orders.total", "not a formula"),
        ("__import__('os').system('true')", "not allowed"),
        ("sum(orders.total) ** 9", "not allowed"),
        ("sum(orders.total, orders.n)", "takes one column"),
        ("sum(x for x in orders)", "takes one column"),
        ("True", "not allowed"),
    ],
)
def test_a_wrong_formula_names_the_part_and_the_nearest_word(formula, said):
    """A formula is text from a contract: what is not understood is refused, never evaluated."""
    (message,) = complaints(formula, {"orders": ["total", "n"], "returns": None}, None)
    assert said in message
    with pytest.raises(ValueError):
        evaluate(formula, FRAMES)


def test_sums_of_text_are_refused_by_name():
    """Polars would add nothing and say zero, or fail far from the contract."""
    with pytest.raises(ValueError, match="'t' is not a column of numbers"):
        evaluate("sum(t)", {"": pl.LazyFrame({"t": ["a"]})}, "")


def test_metrics_by_interval_equal_metrics_of_each_interval():
    """A backfill shows a year of days: one pass must say what 365 would."""
    frame = pl.LazyFrame({"on": [date(2026, 5, 1)] * 2 + [date(2026, 5, 2)], "x": [1, 2, 40]})
    formulas = {"total": "sum(x)", "mean": "mean(x)", "rows": "count()"}
    by_day = metrics_by(formulas, frame, "on")
    assert by_day == {day: metrics(formulas, frame.filter(pl.col("on") == day)) for day in by_day}
    assert by_day[date(2026, 5, 1)] == {"total": 3, "mean": Decimal("1.5"), "rows": 2}


def test_a_sum_that_is_too_large_for_its_type_fails_by_interval_too():
    """Polars' sum of decimals wraps around in silence where there are groups: a year of days would show nonsense."""
    huge = [Decimal("9" * 38)] * 2
    frame = pl.LazyFrame({"on": [1, 1, 2], "x": [*huge, Decimal(7)]}, schema={"on": pl.Int64, "x": pl.Decimal(38, 0)})
    with pytest.raises(pl.exceptions.ComputeError, match="overflow"):
        metrics_by({"total": "sum(x)"}, frame, "on")
    assert metrics_by({"total": "sum(x)"}, frame.filter(pl.col("on") == 2), "on") == {2: {"total": Decimal(7)}}
    large = pl.LazyFrame(
        {"on": [1] * 3, "x": [huge[0], Decimal("-" + "9" * 38), Decimal(1)]},
        schema={"on": pl.Int64, "x": pl.Decimal(38, 0)},
    )
    assert metrics_by({"total": "sum(x)"}, large, "on") == {1: {"total": Decimal(1)}}


def test_formulas_over_several_sets_of_frames_are_those_over_each():
    """A backfill adds up each day's inputs; a frame that all share, and one that is absent, are among them."""
    shared = pl.LazyFrame({"y": [1, 2]})
    each = {day: {"a": pl.LazyFrame({"x": [day, 1]}), "b": shared, "c": None} for day in range(70)}
    wanted = {"one": ("sum(x) + sum(b.y)", "a"), "two": ("count(b) - count(c)", None)}
    labelled = {str(day): frames for day, frames in each.items()}
    assert evaluate_each(wanted, labelled) == {str(day): evaluate_all(wanted, frames) for day, frames in each.items()}
    assert evaluate_each(wanted, labelled)["69"] == {"one": 73, "two": 2}


def test_check_finds_wrong_formulas_in_a_contract():
    """`sluice check` must find them before the night does."""
    contract = product(
        {"revenue": {"type": "int64"}}, [ROWS], metrics={"m": "sum(revenu)"},
        reconcile=[{"id": "C1", "gold": "sum(revenue)", "inputs": "sum(orderz.total)"}],
    )  # fmt: skip
    found = dict(problems(contract))
    assert "did you mean 'revenue'" in found["metrics", "m"]
    assert "did you mean 'orders'" in found["reconcile", 0, "inputs"]
    assert problems(contract, {"orders": ["total"]})
