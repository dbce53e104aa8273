"""Great Expectations' own expectations, mended where they lose what a contract says.

- Bounds are declared as floats: 2^53 + 1 becomes 2^53, a decimal is rounded, text is refused. Here they stay as given.
- Column types are compared for pandas, SQL and Spark only. Here also in the contract's words, like `decimal(12,2)`.

Each class keeps its name, and so takes the place of the original in Great Expectations' registry.

- A configuration is made anew whenever it is asked for, dozens of times for one verdict. Here it can be kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import great_expectations.expectations.core  # noqa: F401  (fills the registry)
import polars as pl
from great_expectations.expectations import registry
from great_expectations.expectations.expectation import Expectation

from sluice.model.columns import ColumnType
from sluice.quality.engine import PolarsExecutionEngine

_BOUNDED = (
    "expect_column_values_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
)
_TYPED = (
    "expect_column_type_to_be",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
)


_kept: dict[int, Any] = {}
_made: Any = Expectation.configuration.fget  # type: ignore[attr-defined]


@contextmanager
def settled(suite: Sequence[Expectation]) -> Iterator[None]:
    """While this lasts, these expectations do not change: 18 of them judge in 0.2 ms and not in 1.3."""
    mine = {id(each): each.configuration for each in suite}
    _kept.update(mine)
    try:
        yield
    finally:
        for each in mine:
            _kept.pop(each, None)


def _configuration(expectation: Expectation) -> Any:
    kept = _kept.get(id(expectation))
    return _made(expectation) if kept is None else kept


Expectation.configuration = property(_configuration)  # type: ignore[method-assign,assignment]


def type_name(dtype: pl.DataType) -> str:
    """The contract's word for a Polars type, or Polars' own where the contract has none."""
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.List):
        return f"array({type_name(dtype.inner)})"  # type: ignore[arg-type]
    names = ("string", "bool", "int8", "int16", "int32", "int64", "float32", "float64", "date", "timestamp")
    return next((name for name in names if ColumnType(name).polars() == dtype), str(dtype))


def _judge_type(expectation: Any, metrics: dict[str, Any]) -> dict[str, Any]:
    kwargs = expectation.configuration.kwargs
    types = {each["name"]: each["type"] for each in metrics["table.column_types"]}
    if kwargs["column"] not in types:
        raise KeyError(f"there is no column {kwargs['column']!r}")
    dtype = types[kwargs["column"]]
    wanted = [ColumnType.parse(each).polars() for each in kwargs.get("type_list") or [kwargs["type_"]]]
    return {"success": dtype in wanted, "result": {"observed_value": type_name(dtype)}}


def _by_contract_type(original: Any) -> Any:
    def _validate(
        self: Any, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> Any:
        if isinstance(execution_engine, PolarsExecutionEngine):
            return _judge_type(self, metrics)
        return original(self, metrics, runtime_configuration, execution_engine)

    return _validate


@contextmanager
def _quietly() -> Iterator[None]:
    """Great Expectations warns of each of the 130 renderers that a replaced class brings along."""
    log = logging.getLogger(registry.__name__)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _replace(expectation: str, **attributes: Any) -> None:
    base: Any = registry.get_expectation_impl(expectation)
    type(base)(base.__name__, (base,), {"__module__": __name__, **attributes})


with _quietly():
    for _each in _BOUNDED:
        _replace(_each, __annotations__={"min_value": Any, "max_value": Any}, min_value=None, max_value=None)
    _replace("expect_multicolumn_sum_to_equal", __annotations__={"sum_total": Any}, sum_total=...)
    for _each in _TYPED:
        _replace(_each, _validate=_by_contract_type(registry.get_expectation_impl(_each)._validate))
