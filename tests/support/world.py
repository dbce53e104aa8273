"""TuranMart in tests: the story's truth without servers, and frames from samples and golden files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from catalog.world import story
from catalog.world.faults import Kind
from catalog.world.generate import local
from catalog.world.truth import Truth
from sluice.catalog import Catalog, load, samples
from sluice.model.contract import Column

CATALOG = Path(__file__).parents[2] / "catalog"
GOLDEN = Path(__file__).parents[1] / "golden" / "turanmart"
PRODUCTS = ("daily_sales", "daily_revenue", "region_inventory_risk")


@cache
def turanmart() -> Catalog:
    return load(CATALOG)


@cache
def story_truth() -> Truth:
    """What is true when the demo's story has ended."""
    truth = Truth(orders_per_day=story.ORDERS_PER_DAY, seed=story.SEED)
    for day, faults in ((story.FIRST, story.FIRST_DAY), (story.SECOND, story.SECOND_DAY)):
        truth.add_day(day, faults)
    for fault in story.SECOND_DAY:
        if fault.kind == Kind.LATE_ROWS:
            truth.add_late(story.FIRST, fault.rows, fault.source, local(story.SECOND))
    return truth


def golden(product: str, day: date) -> pl.DataFrame:
    """The checked-in right answer, in the contract's types."""
    return samples.typed(GOLDEN / f"{product}_{day}.csv", samples.Shape(output_columns(product)))


def sample(product: str, name: str, columns: dict[str, Column]) -> pl.DataFrame:
    return samples.typed(CATALOG / "products" / product / "samples" / f"{name}.csv", samples.Shape(columns))


def output_columns(product: str) -> dict[str, Column]:
    return dict(turanmart().product(product).output.columns)


def as_frame(product: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """The oracle's rows in the product's types."""
    schema = {name: column.parsed.polars() for name, column in output_columns(product).items()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def inputs_of(product: str, truth: Truth, days: Iterable[date]) -> dict[str, pl.LazyFrame]:
    """What a transform is given when the lake holds these days: contract columns only, rows of all days."""
    days = list(days)

    def silver(table: str) -> pl.LazyFrame:
        return pl.concat([getattr(truth.day(day), table) for day in days]).lazy()

    if product == "daily_sales":
        tables = ("store_orders", "till_files", "online_orders")
        return {**{table: silver(table) for table in tables}, "stores": truth.stores.lazy()}
    sales = run("daily_sales", inputs_of("daily_sales", truth, days)).lazy()
    return {"daily_sales": sales} | ({"inventory": silver("inventory")} if product == "region_inventory_risk" else {})


def run(product: str, inputs: dict[str, Any]) -> pl.DataFrame:
    result: pl.DataFrame = turanmart().transform(product)(**inputs).collect()
    return result
