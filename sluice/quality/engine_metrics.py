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
from sluice.quality.engine import PolarsExecutionEngine
from sluice.quality.engine_batch import Ask, Column, Wanted
from sluice.quality.masks import Operand
from sluice.quality.vocabulary import EXPECTATIONS

SAMPLES = 20
_ALONE = {spec.metric for spec in EXPECTATIONS.values() if spec.alone}
# What is added up in floats depends on the order of adding, which among groups is another: never sure.
_ROUNDED = ("column_values.z_score.under_threshold", "column_values.not_outliers")
_UNIQUE = ("column_values.unique", "compound_columns.unique")

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
    """The metrics Great Expectations derives from one condition. All of them share its evaluation, and samples are
    looked for only where rows are bad."""

    def masked(
        engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]
    ) -> tuple[list[Operand], pl.Expr, Ask, Ask]:
        """(operands, the bad rows, how many they are, and 0 if there are none: mostly the same)."""
        operands = _operands(engine, domain)
        bad, _ = masks.bad_rows(metric, operands, {**domain, **args})
        name = _name(metric, operands, {**args, "ignore_row_if": domain.get("ignore_row_if")})
        how_many = operands[0].column.null_count() if metric == "column_values.nonnull" else pl.col(name).sum()
        columns = {name: Column(bad, across=metric not in _ALONE)}
        if metric in _UNIQUE:
            twins = _hash(operands).is_duplicated()
            count = Ask(f"count of {name}", how_many, columns, narrow=(name, lambda rows: rows.filter(twins)))
            return operands, pl.col(name), count, _repeats(operands)
        count = Ask(f"count of {name}", how_many, columns)
        return operands, pl.col(name), count, count

    def count(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        _, _, exact, any_ = masked(engine, domain, args)
        sure = _never if metric in _ROUNDED else None
        return Wanted(exact, sure=sure) if any_ is exact else Wanted(any_, more=exact, otherwise=0)

    def considered(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        operands = _operands(engine, domain)
        _, skipped = masks.bad_rows(metric, operands, {**domain, **args})
        name = _name(f"considered by {metric}", operands, {"ignore_row_if": domain.get("ignore_row_if")})
        return Wanted(Ask(name, pl.len() - skipped.sum()))

    def values(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        operands, bad, exact, any_ = masked(engine, domain, args)
        rows = operands[0].column if len(operands) == 1 else pl.struct(each.column for each in operands)
        ((name, made),) = exact.columns.items()
        narrow = exact.narrow
        if not made.across:
            narrow = f"first {name}", lambda rows: rows.filter(made.expr).head(SAMPLES)
        samples = Ask(f"samples of {name}", rows.filter(bad).head(SAMPLES), exact.columns, listed=True, narrow=narrow)
        finish, sure = _tuples if "column_A" in domain else None, _never if metric in _ROUNDED else None
        return Wanted(any_, finish, samples, otherwise=(), sure=sure)

    return {"unexpected_count": count, "filtered_row_count": considered, "unexpected_values": values}


def _hash(operands: list[Operand]) -> pl.Expr:
    columns = [each.column for each in operands]
    return columns[0].hash() if len(columns) == 1 else pl.struct(columns).hash()


def _repeats(operands: list[Operand]) -> Ask:
    """0 where no two rows are the same: equal rows have equal hashes. What is not 0 is only a suspicion, of rows that
    are skipped or of a collision. A quarter of the cost of marking each row that has a twin."""
    name = _name("hash", operands, {})
    rows, one = pl.len(), operands[0].column
    if len(operands) == 1:  # nulls do not count, and together they are one more value
        rows = one.count() + (one.null_count() > 0)
    repeated = rows - pl.col(name).n_unique()
    return Ask(f"repeats of {name}", repeated, {name: Column(_hash(operands))})


def _name(what: str, operands: list[Operand], args: Mapping[str, Any]) -> str:
    said = {key: value for key, value in sorted(args.items()) if key != "result_format" and value is not None}
    return f"_{what} {[each.name for each in operands]} {said!r}"


def _tuples(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(each.values()) for each in rows]


def _operands(engine: PolarsExecutionEngine, domain: Mapping[str, Any]) -> list[Operand]:
    names = [domain[key] for key in ("column", "column_A", "column_B") if domain.get(key)]
    batch = engine.batch(dict(domain))
    return [batch.operand(name) for name in names or domain["column_list"]]


def _aggregate(
    metric: str,
    build: Callable[[Operand], pl.Expr],
    finish: Callable[[Any], Any] | None = None,
    *,
    listed: bool = False,
    sure: Callable[[Any], bool] | None = None,
) -> dict[str, Provider]:
    def provider(engine: PolarsExecutionEngine, domain: Mapping[str, Any], _: Mapping[str, Any]) -> Wanted:
        operands = _operands(engine, domain)
        return Wanted(Ask(_name(metric, operands, {}), build(operands[0]), listed=listed), finish, sure=sure)

    return {metric: provider}


def _sum(engine: PolarsExecutionEngine, domain: Mapping[str, Any], _: Mapping[str, Any]) -> Wanted:
    """Exact, or an error. Polars' own sum of int64 wraps around in silence, and so does that of decimals where there
    are groups (2.1.0): one that could have done so is not sure."""
    (operand,) = _operands(engine, domain)
    name, column, dtype = _name("column.sum", [operand], {}), operand.column, operand.dtype
    if dtype.is_float():
        return Wanted(Ask(name, column.sum()), sure=_never)
    if not isinstance(dtype, pl.Decimal):
        return Wanted(Ask(name, (column.cast(pl.Int128) if dtype.is_integer() else column).sum()))
    most = Decimal(10) ** (38 - dtype.scale)
    return Wanted(
        Ask(name, pl.struct(total=column.sum(), rows=pl.len(), reach=column.abs().max())),
        lambda found: found["total"],
        sure=lambda found: found["reach"] is None or found["reach"] * found["rows"] < most,
    )


def _outside(metric: str, build: Callable[[pl.Expr], pl.Expr], *, listed: bool = False) -> dict[str, Provider]:
    """Values that the set does not name."""

    def provider(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        operands, value_set = _operands(engine, domain), {"value_set": args.get("value_set") or ()}
        bad, _ = masks.bad_rows("column_values.in_set", operands, value_set)
        name = _name("outside", operands, value_set)
        values = build(operands[0].column.filter(pl.col(name)).unique(maintain_order=True))
        return Wanted(Ask(f"{metric} {name}", values, {name: Column(bad)}, listed))

    return {metric: provider}


def _missing(metric: str, finish: Callable[[list[Any]], Any]) -> dict[str, Provider]:
    """Which of the wanted values the column lacks: it is asked for those it has, at most as many as are wanted."""

    def provider(engine: PolarsExecutionEngine, domain: Mapping[str, Any], args: Mapping[str, Any]) -> Wanted:
        operand = _operands(engine, domain)[0]
        wanted = [operand.value(each) for each in args.get("value_set") or () if each is not None]
        name = _name("among", [operand], {"value_set": wanted})
        found = operand.column.filter(pl.col(name)).unique()
        ask = Ask(f"found {name}", found, {name: Column(operand.among(wanted))}, listed=True)
        return Wanted(ask, lambda have: finish([each for each in wanted if each not in have]))

    return {metric: provider}


def _share(metric: str, build: Callable[[pl.Expr], pl.Expr], of: Callable[[pl.Expr], pl.Expr]) -> dict[str, Provider]:
    def one(operand: Operand) -> pl.Expr:
        return pl.struct(part=build(operand.column).cast(pl.Int64), of=of(operand.column).cast(pl.Int64))

    return _aggregate(metric, one, lambda share: share["part"] / share["of"] if share["of"] else 0)


def _never(_: Any) -> bool:
    return False


def _plain(value: Any) -> Any:
    """Polars' standard deviation and mean are floats; what Great Expectations compares them with need not be."""
    return float(value) if isinstance(value, Decimal) else value


_AGGREGATES: dict[str, Provider] = {
    "table.row_count": lambda *_: Wanted(Ask("rows", pl.len())),
    **_aggregate("column.min", lambda o: o.column.min()),
    **_aggregate("column.max", lambda o: o.column.max()),
    "column.sum": _sum,
    **_aggregate("column.mean", lambda o: o.column.mean(), _plain, sure=_never),
    **_aggregate("column.median", lambda o: o.column.median(), _plain),
    **_aggregate("column.standard_deviation", lambda o: o.column.std(), _plain, sure=_never),
    **_aggregate("column.distinct_values.count", lambda o: o.column.drop_nulls().n_unique()),
    **_aggregate("column.non_null_count", lambda o: o.column.count()),
    **_share("column.non_null_proportion", lambda c: c.count(), lambda c: c.len()),
    **_share("column.unique_proportion", lambda c: c.drop_nulls().n_unique(), lambda c: c.count()),
    **_aggregate("column.most_common_value", lambda o: o.column.drop_nulls().mode(maintain_order=True), listed=True),
    **_outside("column.distinct_values.not_in_set.count", lambda values: values.len()),
    **_outside("column.distinct_values.not_in_set", lambda values: values.head(SAMPLES), listed=True),
    **_missing("column.distinct_values.missing_from_column.count", len),
    **_missing("column.distinct_values.missing_from_column", lambda missing: missing[:SAMPLES]),
}

_FACTS: dict[str, Provider] = {
    "table.columns": lambda engine, domain, _: engine.batch(dict(domain)).schema.names(),
    "table.column_count": lambda engine, domain, _: len(engine.batch(dict(domain)).schema),
    "table.column_types": lambda engine, domain, _: [
        {"name": name, "type": dtype} for name, dtype in engine.batch(dict(domain)).schema.items()
    ],
}
