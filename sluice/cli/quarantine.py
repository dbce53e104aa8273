"""`sluice quarantine`: rejected rows, why, and where they came from."""

from __future__ import annotations

from typing import Any

import click

from sluice.cli import _lake, _show


@click.group(epilog="Example:\n\n  sluice quarantine list\n\n  sluice quarantine show store_orders --rule R1")
def quarantine() -> None:
    """Look at the rows that refining set aside. They wait there, with their reasons; good rows went on."""


@quarantine.command("list", epilog="Example:\n\n  sluice quarantine list store_orders")
@click.argument("source", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def list_(source: str | None, as_json: bool) -> None:
    """Count the rows in quarantine by source and rule. A row that breaks two rules counts for both."""
    from sluice.steps._rejects import summary

    ws = _lake.workspace()
    names = [ws.catalog.source(source).source] if source else sorted(ws.catalog.sources)
    facts = summary(ws, names)
    if as_json:
        _show.as_json(facts)
        return
    if not facts:
        click.echo("No row is in quarantine.")
        return
    rows = [[f["source"], f["rule"], f["rows"], f["days"], _lake.minute(f["first_landed"]),
             _lake.minute(f["last_landed"]), _lake.cut(f["means"], 70)] for f in facts]  # fmt: skip
    _show.table(["source", "rule", "rows", "days", "first landed", "last landed", "means"], rows, right=[2, 3])


@quarantine.command("show", epilog="Example:\n\n  sluice quarantine show store_orders --for 2026-05-01 --rule R1")
@click.argument("source")
@click.option("--for", "day", metavar="DAY", help="Only this local day of the source, like 2026-05-02.")
@click.option("--rule", metavar="R", help="Only rows that break this rule, like R1 or type:total.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, metavar="N",
              help="How many rows, newest day first.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def show(source: str, day: str | None, rule: str | None, limit: int, as_json: bool) -> None:
    """Show rejected rows of SOURCE: the rules they break, where they stood, the values at fault as they came."""
    from sluice.steps._rejects import rejects

    ws = _lake.workspace()
    ws.catalog.source(source)
    facts = rejects(ws, source, day, rule, limit)
    if as_json:
        _show.as_json(facts)
        return
    if not facts["rows"]:
        click.echo(f"No such row of {source} is in quarantine.")
        return
    rows = [[f["day"], ", ".join(f["rules"]), _place(f), _pairs(f["key"]), f["batch"],
             _lake.cut(_pairs(f["values"]) or f["raw"] or "")] for f in facts["shown"]]  # fmt: skip
    _show.table(["day", "rules", "where", "key", "batch", "as it came"], rows)
    if facts["rows"] > len(rows):
        click.echo(f"{len(rows)} of {facts['rows']} rows; --limit shows more, --json all of each.")


def _place(fact: dict[str, Any]) -> str:
    """`till_07.csv:14`: the end of the file's or page's address, and the line."""
    name = (fact["origin"] or "").rsplit("/", 1)[-1]
    return _lake.cut(name, 40) + (f":{fact['line']}" if fact["line"] is not None else "")


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={'null' if value is None else repr(value)}" for name, value in values.items())
