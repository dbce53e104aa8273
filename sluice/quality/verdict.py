"""All checks of an interval -> may readers have it, and why: one sentence for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sluice.model.facts import Check

# The root cause first: a gate that failed often explains why the sums or the volume are off.
_CODES = {"gate": "gate.refused", "reconcile": "reconcile.mismatch", "volume": "volume.low"}


class Verdict(NamedTuple):
    outcome: Literal["passed", "caveats", "refused"]
    code: str | None
    reason: str


def judge(checks: Sequence[Check]) -> Verdict:
    """A critical failure refuses, a warning publishes with a caveat, info is only recorded."""
    if not checks:
        return Verdict("refused", "gate.refused", "Nothing was checked, so nothing can be trusted.")
    failed = [check for check in checks if not check.success]
    if critical := [check for check in failed if check.severity not in ("warning", "info")]:
        kinds = [kind for kind in _CODES if any(check.kind == kind for check in critical)]
        critical.sort(key=lambda check: kinds.index(check.kind))
        return Verdict("refused", _CODES[kinds[0]], f"Refused: {_list(critical)}.")
    if warnings := [check for check in failed if check.severity == "warning"]:
        return Verdict("caveats", None, f"Passed with caveats: {_list(warnings)}.")
    noted = f"; noted: {_list(failed)}" if failed else ""
    return Verdict("passed", None, f"All {len(checks)} checks passed{noted}." if not failed else f"Passed{noted}.")


def _list(checks: Sequence[Check], most: int = 3) -> str:
    said = "; ".join(_one(check) for check in checks[:most])
    return said + (f"; and {len(checks) - most} more" if len(checks) > most else "")


def _one(check: Check) -> str:
    if check.error:
        return f"{check.id} could not be judged ({check.error.strip().splitlines()[0]})"
    return f"{check.id} expected {check.limit or check.expect}, but found {check.observed}"
