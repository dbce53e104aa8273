"""`sluice diff`: what changed between two versions of an interval."""

from __future__ import annotations

from typing import Any

import click

from sluice.cli import _lake, _show


@click.command(epilog="Example:\n\n  sluice diff daily_sales --for 2026-05-01\n\n"
               "  sluice diff daily_sales --for 2026-05-01 --against 1 --json")  # fmt: skip
@click.argument("product")
@click.option("--for", "interval", metavar="INTERVAL", help="Like 2026-05-02. Default: the newest due.")
@click.option("--against", type=click.IntRange(0), metavar="V",
              help="A version of gold. Default: what readers saw of the interval before.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def diff(product: str, interval: str | None, against: int | None, as_json: bool) -> None:
    """Compare the rows of one interval of PRODUCT, by key, and its metrics with an earlier version.

    Counts are exact; at most 20 changes of each kind are shown.
    """
    from sluice.steps._difference import difference

    ws = _lake.workspace()
    facts = difference(ws, product, _lake.one_interval(ws, product, interval), against)
    if as_json:
        _show.as_json(facts)
    else:
        _say(facts)


def _say(facts: dict[str, Any]) -> None:
    before = "nothing: it is the first" if facts["against"] is None else f"version {facts['against']}"
    click.secho(f"{facts['product']} {facts['interval']}: version {facts['version']} against {before}", bold=True)
    click.echo(f"{facts['added']} rows added, {facts['removed']} removed, {facts['changed']} changed\n")
    measures = {"rows": facts["rows"], **facts["metrics"]}
    rows = [[name, _show.number(old), _show.number(new)] for name, (old, new) in measures.items()]
    _show.table(["", "before", "now"], rows, right=[1, 2])
    if facts["changed_columns"]:
        told = ", ".join(f"{name} in {count}" for name, count in facts["changed_columns"].items())
        click.secho(f"\nChanged: {told}", bold=True)
        cells = [[_pairs(c["key"]), c["column"], c["old"], c["new"]] for c in facts["changes"]]
        _show.table(["key", "column", "before", "now"], cells, right=[2, 3])
    for kind in ("added", "removed"):
        if facts[f"{kind}_rows"]:
            click.secho(f"\n{kind.capitalize()}:", bold=True)
            for row in facts[f"{kind}_rows"]:
                click.echo(f"  {_pairs(row)}")


def _pairs(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={'null' if value is None else value}" for name, value in row.items())
