"""TuranMart's transforms against samples, golden days and an oracle that shares no code with them."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from catalog.world.story import FIRST, SECOND
from catalog.world.truth import Truth
from tests.support.world import (
    PRODUCTS,
    as_frame,
    golden,
    inputs_of,
    output_columns,
    run,
    sample,
    story_truth,
    turanmart,
)

DAYS = (FIRST, SECOND)


def of_day(product: str, frame: pl.DataFrame, day: date) -> pl.DataFrame:
    """What the engine keeps of a transform's result for one interval."""
    return frame.filter(pl.col(turanmart().product(product).output.interval) == day)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_equals_its_golden_day_to_the_cent(product: str, day: date) -> None:
    """The golden files are the promise: a change of one tiyin in any transform has to be explained."""
    result = run(product, inputs_of(product, story_truth(), DAYS))
    assert_frame_equal(of_day(product, result, day), golden(product, day))


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_the_golden_days_are_what_plain_python_works_out(product: str, day: date) -> None:
    """A golden file made by the code under test proves nothing; this one is worked out a second way."""
    assert_frame_equal(golden(product, day), as_frame(product, story_truth().expected(day, product)))


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_turns_its_samples_into_the_expected_rows(product: str) -> None:
    """The samples are what a reader of the catalog looks at first, so they must be true."""
    contract, catalog = turanmart().product(product), turanmart()
    inputs = {
        name: sample(
            product, name, dict(catalog.source(each.source).columns) if each.source else output_columns(each.product)
        ).lazy()
        for name, each in contract.inputs.items()
    }
    assert_frame_equal(run(product, inputs), sample(product, "expected", output_columns(product)))


@pytest.mark.parametrize("product", PRODUCTS)
def test_three_days_at_once_equal_three_single_days(product: str) -> None:
    """A backfill builds many days in one call; it must not publish other numbers than the daily run did."""
    truth = Truth(orders_per_day=300, seed=5)
    days = [FIRST + timedelta(days=n) for n in range(3)]
    for day in days:
        truth.add_day(day)
    at_once = run(product, inputs_of(product, truth, days))
    lookback = max(each.lookback or timedelta(0) for each in turanmart().product(product).inputs.values())
    for day in days:
        single = run(product, inputs_of(product, truth, [each for each in days if day - lookback <= each <= day]))
        assert_frame_equal(of_day(product, at_once, day), of_day(product, single, day))
        assert_frame_equal(of_day(product, single, day), as_frame(product, truth.expected(day, product)))


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_streaming_engine_gives_the_same_rows(product: str) -> None:
    """Large volumes are streamed; how a number is computed must not change it."""
    inputs = inputs_of(product, story_truth(), DAYS)
    streamed = turanmart().transform(product)(**inputs).collect(engine="streaming")
    assert_frame_equal(streamed, run(product, inputs))


def test_daily_sales_without_the_online_shop_counts_the_stores_alone() -> None:
    """The shop is optional: its absence must give a smaller number, not a crash and not a null."""
    inputs = inputs_of("daily_sales", story_truth(), DAYS)
    whole, without = run("daily_sales", inputs), run("daily_sales", {**inputs, "online_orders": None})
    online = pl.concat([story_truth().day(day).online_orders for day in DAYS])
    difference = whole["revenue"].sum() - without["revenue"].sum()
    assert difference == online["order_total"].sum() - online["refund_total"].sum()
    assert without["revenue"].null_count() == 0


def test_daily_sales_fails_loudly_when_order_total_is_missing() -> None:
    """A renamed column must stop the build; a silent null would publish a day of zero revenue."""
    inputs = inputs_of("daily_sales", story_truth(), DAYS)
    inputs["store_orders"] = inputs["store_orders"].drop("order_total")
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="order_total"):
        run("daily_sales", inputs)


def test_daily_sales_loses_no_sale_of_a_store_that_is_not_on_the_list() -> None:
    """An inner join would drop the new store's revenue without a word."""
    sales = run("daily_sales", inputs_of("daily_sales", story_truth(), DAYS))
    unknown = sales.filter(pl.col("region") == "unknown")
    assert unknown.select("sale_on", "order_count").rows() == [(SECOND, 4)]
    every = [story_truth().day(day) for day in DAYS]
    sold = sum(
        frame["order_total"].sum() for day in every for frame in (day.store_orders, day.till_files, day.online_orders)
    )
    refunded = sum(
        frame["refund_total"].sum() for day in every for frame in (day.store_orders, day.till_files, day.online_orders)
    )
    assert sales["revenue"].sum() == sold - refunded


def test_a_sale_at_one_in_the_morning_belongs_to_its_local_day() -> None:
    """01:00 in Tashkent is 20:00 UTC of the day before: cutting by UTC would move five hours of sales."""
    inputs = inputs_of("daily_sales", story_truth(), [FIRST])
    early = inputs["online_orders"].filter(pl.col("ordered_at").dt.date() < FIRST)
    assert early.collect().height > 0
    assert run("daily_sales", inputs)["sale_on"].unique().to_list() == [FIRST]


def test_growth_is_empty_when_the_day_before_is_missing() -> None:
    """Comparing with the last published day instead would call a three-day change a daily one."""
    sales = run("daily_sales", inputs_of("daily_sales", story_truth(), DAYS))
    gap = sales.with_columns(pl.col("sale_on").replace({FIRST: FIRST - timedelta(days=2)}))
    revenue = run("daily_revenue", {"daily_sales": gap.lazy()})
    assert revenue["previous_revenue"].to_list() == [None, None]
    assert revenue["growth_pct"].to_list() == [None, None]


def test_a_region_without_sales_is_named_and_not_called_safe() -> None:
    """Dividing by no sales would give endless cover, which reads as "no risk"."""
    inputs = inputs_of("region_inventory_risk", story_truth(), DAYS)
    inputs["daily_sales"] = inputs["daily_sales"].filter(pl.col("region") != "khorezm")
    risk = run("region_inventory_risk", inputs).filter(pl.col("region") == "khorezm")
    assert risk["risk"].unique().to_list() == ["no_sales"]
    assert risk["days_of_cover"].null_count() == risk.height == len(DAYS)
