"""A product's contract -> what its gate asks: derived from the output's columns and key, then the contract's gate."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.model.contract import GateRule
from sluice.model.product import ProductContract
from sluice.model.source import SourceContract
from sluice.quality import formulas
from sluice.quality.compiled import Path, Problem, Reading, Table, read
from sluice.quality.rules import column_rules, expectation, shorten, source_problems, types
from sluice.quality.words import limit

ROWS = "expect_table_row_count_to_be_between"


@dataclass(frozen=True)
class GateCheck:
    """One question to a candidate. `limit` is what people read; `derived`: it follows from the columns."""

    id: str
    severity: str
    expectation: dict[str, Any] = field(hash=False)
    limit: str = ""
    derived: bool = False


def product_checks(contract: ProductContract) -> tuple[GateCheck, ...]:
    """Every check of the product's gate. ValueError lists all that is wrong with the contract's."""
    if wrong := _gate_problems(contract):
        raise ValueError("\n".join(f"{'.'.join(map(str, path))}: {message}" for path, message in wrong))
    return tuple(
        GateCheck(id_, severity, expectation(id_, each, severity=severity), limit(each.expect, each.args), derived)
        for id_, each, severity, _, derived in _readings(contract)
    )


def problems(
    contract: SourceContract | ProductContract, inputs: Mapping[str, Collection[str]] | None = None
) -> list[Problem]:
    """(key path, message) for everything that is wrong with rules, gate, reconciliations and metrics.

    `inputs`, where the caller knows them: the columns of each of a product's inputs.
    """
    if not isinstance(contract, ProductContract):
        return source_problems(contract)
    mine = {"": list(contract.output.columns)}
    others: dict[str, Collection[str] | None] = {name: (inputs or {}).get(name) for name in contract.inputs}
    found = _gate_problems(contract)
    for index, each in enumerate(contract.reconcile):
        found += [(("reconcile", index, "gold"), text) for text in formulas.complaints(each.gold, mine, "")]
        found += [(("reconcile", index, "inputs"), text) for text in formulas.complaints(each.inputs, others, None)]
    for name, formula in contract.metrics.items():
        found += [(("metrics", name), text) for text in formulas.complaints(formula, mine, "")]
    return found


def _gate_problems(contract: ProductContract) -> list[Problem]:
    return [(path + at, message) for _, each, _, path, _ in _readings(contract) for at, message in each.problems]


def _readings(contract: ProductContract) -> Iterator[tuple[str, Reading, str, Path, bool]]:
    output = contract.output
    table = Table(types(output.columns), contract.schedule.timezone)

    def derived(id_: str, expect: str, **args: Any) -> tuple[str, Reading, str, Path, bool]:
        return id_, read(expect, args, table), "critical", ("output",), True

    if not _says_enough_of_rows(contract.gate):
        yield derived("rows", ROWS, min_value=1)
    yield derived("columns", "expect_table_columns_to_match_set", column_set=list(output.columns), exact_match=True)
    for name, type_ in table.columns.items():
        yield derived(f"type:{name}", "expect_column_type_to_be", column=name, type_=str(type_))
    for id_, reading, path in column_rules(output.columns, table, output.key):
        yield id_, shorten(reading), "critical", ("output", *path), True
    if len(output.key) == 1:
        yield derived("unique:key", "expect_column_values_to_be_unique", column=output.key[0])
    else:
        yield derived(
            "unique:key", "expect_compound_columns_to_be_unique", column_list=output.key, ignore_row_if="never"
        )
    for index, rule in enumerate(contract.gate):
        yield rule.id, read(rule.expect, rule.args, table), rule.severity, ("gate", index), False


def _says_enough_of_rows(gate: list[GateRule]) -> bool:
    """An empty candidate passes nearly every expectation: it is refused unless the contract allows it in words.

    `min_value: 0` allows it. A critical `min_value` of 1 or more says it already; a warning does not.
    """
    for rule in gate:
        least = rule.args.get("min_value") if rule.expect == ROWS else None
        if rule.expect == "expect_table_row_count_to_equal":
            least = rule.args.get("value")
        if least is None or "row_condition" in rule.args:
            continue
        if least == 0 or rule.severity == "critical":
            return True
    return False
