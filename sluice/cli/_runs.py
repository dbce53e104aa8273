"""What a run left in the lake, shown to the person who started it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sluice.cli import _show

if TYPE_CHECKING:
    from sluice.errors import SluiceError
    from sluice.steps.workspace import Workspace


def show_product(
    ws: Workspace, run: str, product: str, labels: Sequence[str], *, as_json: bool, failure: SluiceError | None
) -> None:
    """Outcome of each interval: published now, refused now, or nothing new."""
    from sluice.steps.publications import attempts, newest

    standing = newest(ws, product, labels)
    stopped = {a.interval: a for a in attempts(ws, product, labels) if a.run == run}
    facts: list[dict[str, Any]] = []
    for label in labels:
        publication, attempt = standing.get(label), stopped.get(label)
        new = publication is not None and publication.run == run
        outcome = attempt.disposition if attempt else publication.outcome if new and publication else "unchanged"
        if attempt and attempt.disposition != "refused":
            outcome = "failed"
        if failure and publication is None and not attempt:
            outcome = "failed"
        facts.append(
            {
                "product": product,
                "interval": label,
                "outcome": outcome,
                "version": publication.version if publication else None,
                "rows": publication.facts["rows"] if publication else None,
                "metrics": publication.facts["metrics"] if publication else {},
                "why": attempt.what if attempt else publication.facts["reason"] if new and publication else "",
                "caveats": publication.facts["caveats"] if publication else [],
                "diff": publication.facts["diff"] if new and publication else None,
            }
        )
    if as_json:
        _show.as_json({"run": run, "intervals": facts, **({"error": failure.as_dict()} if failure else {})})
        return
    rows = [
        [
            f["interval"],
            f["outcome"],
            "" if f["version"] is None else f"v{f['version']}",
            f["rows"],
            _metrics(f),
            f["why"],
        ]
        for f in facts
    ]
    _show.table(["interval", "outcome", "readers see", "rows", "metrics", "why"], rows, right=[3])
    for fact in facts:
        for caveat in fact["caveats"]:
            click.echo(f"  {fact['interval']}: {click.style('caveat', fg='yellow')}: {caveat}")
    if all(f["outcome"] == "unchanged" for f in facts):
        click.echo("Nothing new: inputs, contract and transform are those of the published version.")


def show_sources(ws: Workspace, run: str, sources: Sequence[str], *, as_json: bool) -> None:
    """Rows landed, refined and set aside by this run."""
    from sluice.lake import ledger
    from sluice.steps.publications import attempts

    facts = []
    for name in sources:
        landed: dict[str, Any] = next(iter(_of_run(ledger.entries(ws.bronze(name).snapshot()), run)), {})
        refined: dict[str, Any] = next(iter(_of_run(ledger.entries(ws.silver(name).snapshot()), run)), {})
        stopped = [a for a in attempts(ws, name) if a.run == run]
        counts = list(refined.get("counts", {}).values())
        facts.append(
            {
                "source": name,
                "landed": landed.get("rows", 0),
                "silver": sum(c["silver"] for c in counts),
                "quarantined": sum(c["quarantined"] for c in counts),
                "superseded": sum(c["superseded"] for c in counts),
                "reasons": refined.get("reasons", {}),
                "days": sorted(refined.get("counts", {})),
                "refused": refined.get("refused", {}),
                "notices": landed.get("notices", []),
                "errors": [a.as_dict() for a in stopped],
            }
        )
    if as_json:
        _show.as_json({"run": run, "sources": facts})
        return
    rows = [[f["source"], f["landed"], f["silver"], f["quarantined"], f["superseded"], _says(f)] for f in facts]
    _show.table(["source", "landed", "in silver", "quarantined", "superseded", "says"], rows, right=[1, 2, 3, 4])


def _of_run(entries: Any, run: str) -> Any:
    for seen, entry in enumerate(entries):
        if entry.facts.get("run") == run:
            yield entry.facts
        if seen > 20:
            return


def _says(fact: dict[str, Any]) -> str:
    if fact["errors"]:
        return str(fact["errors"][0]["what"])
    said = [f"{rule}: {rows}" for rule, rows in sorted(fact["reasons"].items())]
    said += [n["what"] for n in fact["notices"]]
    return "; ".join(said) if said else "nothing new" if not fact["landed"] else ""


def _metrics(fact: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_show.number(value)}" for name, value in fact["metrics"].items())
