"""The metrics behind the expectations, for the Polars engine: conditions on rows, aggregates, facts of the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from threading import Lock
from typing import Any

import great_expectations.expectations.metrics  # noqa: F401  (fills the registry)
import polars as pl
from great_expectations.expectations import registry
from great_expectations.expectations.metrics.metric_provider import MetricProvider

from sluice.quality import masks
from sluice.quality.engine import PolarsExecutionEngine, Wanted
from sluice.quality.masks import Operand

SAMPLES = 20

Provider = Callable[[PolarsExecutionEngine, Mapping[str, Any], Mapping[str, Any]], Any]

_lock = Lock()
_done = False


class PolarsMetric(MetricProvider):
    """Depends on nothing. Great Expectations' own classes chain up to four metrics for one count, a round each."""

    @classmethod
    def get_evaluation_dependencies(cls, *_: Any, **__: Any) -> dict[str, Any]:
        return {}


def register() -> None:
    """Once per process; other engines keep their own providers."""
    global _done
    with _lock:
        if _done:
            return
        for metric in masks.known_metrics():
            for suffix, provider in _family(metric).items():
                if f"{metric}.{suffix}" in registry._registered_metrics:
                    _register(f"{metric}.{suffix}", provider)
        for metric, provider in {**_AGGREGATES, **_FACTS}.items():
            _register(metric, provider)
        _done = True


def _register(name: str, provider: Provider) -> None:
    known = registry._registered_metrics[name]
    registry.register_metric(
        metric_name=name,
        metric_domain_keys=known["metric_domain_keys"],
        metric_value_keys=known["metric_value_keys"],
        execution_engine=PolarsExecutionEngine,
        metric_class=PolarsMetric,
        metric_provider=provider,
    )


def _family(metric: str) -> dict[str, Provider]:
    """The metrics Great Expectations derives from one condition. All of them share its evaluation."""

    def masked(
        engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]
    ) -> tuple[list[Operand], pl.Expr, pl.Expr, dict[str, pl.Expr]]:
        operands = _operands(engine, domain)
        bad, skipped = masks.bad_rows(metric, operands, {**domain, **args})
        name = _mask_name(metric, operands, {**args, "ignore_row_if": domain.get("ignore_row_if")})
        return operands, pl.col(name), skipped, {name: bad}

    def count(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        _, bad, _, made = masked(engine, domain, args)
        return Wanted(bad.sum(), masks=made)

    def considered(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        return Wanted(pl.len() - masked(engine, domain, args)[2].sum())

    def values(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        operands, bad, _, made = masked(engine, domain, args)
        if len(operands) == 1:
            return Wanted(operands[0].column.filter(bad).head(SAMPLES).implode(), masks=made)
        rows = pl.struct(each.column for each in operands).filter(bad).head(SAMPLES).implode()
        return Wanted(rows, _tuples if "column_A" in domain else None, made)

    return {"unexpected_count": count, "filtered_row_count": considered, "unexpected_values": values}


def _mask_name(metric: str, operands: list[Operand], args: Mapping[str, Any]) -> str:
    said = {key: value for key, value in sorted(args.items()) if key != "result_format" and value is not None}
    return f"_{metric} {[each.name for each in operands]} {said!r}"


def _tuples(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(each.values()) for each in rows]


def _operands(engine: PolarsExecutionEngine, domain: Mapping[str, Any]) -> list[Operand]:
    names = [domain[key] for key in ("column", "column_A", "column_B") if domain.get(key)]
    batch = engine.batch(dict(domain))
    return [batch.operand(name) for name in names or domain["column_list"]]


def _aggregate(build: Callable[[Operand], pl.Expr], finish: Callable[[Any], Any] | None = None) -> Provider:
    return lambda engine, domain, _: Wanted(build(_operands(engine, domain)[0]), finish)


def _total(operand: Operand) -> pl.Expr:
    """Integers in 128 bits: Polars' own sum of int64 wraps around in silence."""
    return (operand.column.cast(pl.Int128) if operand.dtype.is_integer() else operand.column).sum()


def _outside(finish: Callable[[pl.Expr], pl.Expr]) -> Provider:
    def provider(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        operands = _operands(engine, domain)
        bad, _ = masks.bad_rows("column_values.in_set", operands, {"value_set": args.get("value_set") or ()})
        name = _mask_name("outside", operands, {"value_set": args.get("value_set")})
        return Wanted(finish(operands[0].column.filter(pl.col(name)).unique()), masks={name: bad})

    return provider


def _missing(finish: Callable[[list[Any]], Any]) -> Provider:
    """Which of the wanted values the column lacks: it is asked for those it has, at most as many as are wanted."""

    def provider(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        operand = _operands(engine, domain)[0]
        wanted = [operand.value(each) for each in args.get("value_set") or () if each is not None]
        found = operand.column.filter(operand.among(wanted)).unique().implode()
        return Wanted(found, lambda have: finish([each for each in wanted if each not in have]))

    return provider


def _share(build: Callable[[pl.Expr], pl.Expr], of: Callable[[pl.Expr], pl.Expr]) -> Provider:
    def one(operand: Operand) -> pl.Expr:
        return pl.concat_list(build(operand.column).cast(pl.Int64), of(operand.column).cast(pl.Int64))

    return _aggregate(one, lambda pair: pair[0] / pair[1] if pair[1] else 0)


def _plain(value: Any) -> Any:
    """Polars' standard deviation and mean are floats; what Great Expectations compares them with need not be."""
    return float(value) if isinstance(value, Decimal) else value


_AGGREGATES: dict[str, Provider] = {
    "table.row_count": lambda *_: Wanted(pl.len()),
    "column.min": _aggregate(lambda o: o.column.min()),
    "column.max": _aggregate(lambda o: o.column.max()),
    "column.sum": _aggregate(_total),
    "column.mean": _aggregate(lambda o: o.column.mean(), _plain),
    "column.median": _aggregate(lambda o: o.column.median(), _plain),
    "column.standard_deviation": _aggregate(lambda o: o.column.std(), _plain),
    "column.distinct_values.count": _aggregate(lambda o: o.column.drop_nulls().n_unique()),
    "column.non_null_count": _aggregate(lambda o: o.column.count()),
    "column.non_null_proportion": _share(lambda c: c.count(), lambda c: c.len()),
    "column.unique_proportion": _share(lambda c: c.drop_nulls().n_unique(), lambda c: c.count()),
    "column.most_common_value": _aggregate(lambda o: o.column.drop_nulls().mode().implode()),
    "column.distinct_values.not_in_set.count": _outside(lambda values: values.len()),
    "column.distinct_values.not_in_set": _outside(lambda values: values.head(SAMPLES).implode()),
    "column.distinct_values.missing_from_column.count": _missing(len),
    "column.distinct_values.missing_from_column": _missing(lambda missing: missing[:SAMPLES]),
}

_FACTS: dict[str, Provider] = {
    "table.columns": lambda engine, domain, _: engine.batch(dict(domain)).schema.names(),
    "table.column_count": lambda engine, domain, _: len(engine.batch(dict(domain)).schema),
    "table.column_types": lambda engine, domain, _: [
        {"name": name, "type": dtype} for name, dtype in engine.batch(dict(domain)).schema.items()
    ],
}
