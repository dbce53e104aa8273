"""Does the product add up to the inputs it was made from?"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from sluice.errors import Misconfigured
from sluice.model.facts import Check
from sluice.model.product import ProductContract, Reconciliation
from sluice.quality import formulas
from sluice.quality.formulas import Number

_CANDIDATE = ""  # no input can have this name


def reconcile(
    contract: ProductContract, candidate: pl.LazyFrame, inputs: Mapping[str, pl.LazyFrame | None]
) -> tuple[Check, ...]:
    """One check per reconciliation. An absent optional input counts as 0."""
    return reconcile_each(contract, {"": candidate}, {"": inputs})[""]


def reconcile_each(
    contract: ProductContract,
    candidates: Mapping[str, pl.LazyFrame],
    inputs: Mapping[str, Mapping[str, pl.LazyFrame | None]],
) -> dict[str, tuple[Check, ...]]:
    """The same for several candidates and their inputs, by label; all sums together."""
    wanted: dict[str, tuple[str, str | None]] = {}
    for each in contract.reconcile:
        wanted[f"gold {each.id}"] = (each.gold, _CANDIDATE)
        wanted[f"inputs {each.id}"] = (each.inputs, None)
    frames = {label: {_CANDIDATE: candidate, **inputs[label]} for label, candidate in candidates.items()}
    try:
        sums = formulas.evaluate_each(wanted, frames)
    except ValueError as error:
        raise Misconfigured(
            "catalog.invalid", f"a reconciliation cannot be computed: {error}", f"product {contract.product}",
            "mend the formula in the contract; `sluice check` shows it",
        ) from error  # fmt: skip
    return {
        label: tuple(_judge(each, own[f"gold {each.id}"], own[f"inputs {each.id}"]) for each in contract.reconcile)
        for label, own in sums.items()
    }


def _judge(rule: Reconciliation, gold: Number | None, inputs: Number | None) -> Check:
    limit = "no difference" if not rule.tolerance else f"a difference of at most {Decimal(str(rule.tolerance))}"
    if gold is None or inputs is None:
        success, observed = False, f"gold {_say(gold)}, inputs {_say(inputs)}"
    else:
        difference: Number
        if isinstance(gold, float) or isinstance(inputs, float):
            difference = float(gold) - float(inputs)
            success = abs(difference) <= rule.tolerance  # a NaN is never within it
        else:
            difference = formulas.subtract(Decimal(gold), Decimal(inputs))
            success = abs(difference) <= Decimal(str(rule.tolerance))
        observed = f"gold {_say(gold)}, inputs {_say(inputs)}, difference {_say(difference)}"
    return Check(
        id=rule.id, expect=f"{rule.gold} = {rule.inputs}", severity=rule.severity, success=success,
        observed=observed, limit=limit, kind="reconcile",
    )  # fmt: skip


def _say(number: Number | None) -> str:
    if number is None:
        return "has no value"
    return f"{number:f}" if isinstance(number, Decimal) else str(number)
