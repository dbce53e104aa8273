"""`sluice explain`: how a number came to be."""

from __future__ import annotations

from typing import Any

import click

from sluice.cli import _lake, _show


@click.command(epilog="Example:\n\n  sluice explain daily_sales --for 2026-05-02")
@click.argument("product")
@click.option("--for", "interval", metavar="INTERVAL", help="Like 2026-05-02. Default: the newest due.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def explain(product: str, interval: str | None, as_json: bool) -> None:
    """Trace one interval of PRODUCT back: version, run, verdict, inputs, their rows, contract and code.

    For an interval that is refused or missing: why.
    """
    from sluice.steps._explain import explain as explained

    ws = _lake.workspace()
    facts = explained(ws, product, _lake.one_interval(ws, product, interval))
    if as_json:
        _show.as_json(facts)
        return
    _say_state(facts)
    if publication := facts["publication"]:
        _say_publication(publication)
        for each in facts["inputs"]:
            _say_input(each)
    _say_past(facts)


def _say_state(facts: dict[str, Any]) -> None:
    state = click.style(facts["state"], fg=_show.COLOURS.get(facts["state"]), bold=True)
    click.echo(f"{facts['product']} {facts['interval']}: {state}")
    if facts["note"] and facts["state"] not in ("published", "degraded"):
        click.echo(f"  {facts['note']}")
    if facts["setback"] and facts["setback"]["remedy"]:
        click.echo(f"  → {facts['setback']['remedy']}")


def _say_publication(told: dict[str, Any]) -> None:
    _head("What readers see")
    _line("version", f"{told['version']} of gold, {told['rows']} rows, {told['outcome']}")
    _line("published", f"{_lake.minute(told['at'])} by {told['actor']}, run {told['run']} ({told['why']})")
    _line("verdict", told["sentence"])
    judged = tuple(f"{check['id']}:" for check in told["checks"]["failed"])
    for caveat in told["caveats"]:
        if not caveat.startswith(judged or "\0"):
            _line("caveat", caveat)
    for check in told["checks"]["failed"]:
        found = check["observed"] if check["error"] is None else check["error"]
        _line("failed", f"{check['id']} ({check['severity']}): expected {check['limit'] or check['expect']}, "
              f"found {found}")  # fmt: skip
    _line("checks", f"{told['checks']['passed']} passed, {len(told['checks']['failed'])} failed")
    for name, (old, new) in {"rows": told["diff"]["rows"], **told["diff"]["metrics"]}.items():
        was = f"  (was {_show.number(old)} in version {told['diff']['against']})" if old is not None else ""
        _line(name, f"{_show.number(new)}{was}")
    changed = {True: ", changed since", False: ""}
    contract, code = told["contract"], told["code"]
    _line("contract", f"version {contract['version']}, {contract['hash']}{changed[contract['changed_since']]}")
    _line("code", f"{code['hash']}{changed[code['changed_since']]}, built by Sluice {told['sluice']}")


def _say_input(told: dict[str, Any]) -> None:
    version = "not there" if told["version"] is None else f"version {told['version']}"
    _head(f"Input {told['name']}: {told['table']}, {version}, {told['rows']} rows")
    if told["partitions"]:
        _line("days", ", ".join(told["partitions"][:5]) + (" …" if len(told["partitions"]) > 5 else ""))
    if conserved := told.get("conserved"):
        _line("adds up", f"{conserved['in']} rows in = {conserved['silver']} used + {conserved['quarantined']} "
              f"quarantined + {conserved['superseded']} superseded")  # fmt: skip
    for each in told.get("origins", []):
        _line("from", f"{each['origin']}: {each['rows']} rows, landed {_lake.minute(each['landed_at'])} "
              f"(batch {each['batch']})")  # fmt: skip
    if told.get("origins_more"):
        _line("", f"and {told['origins_more']} more")


def _say_past(facts: dict[str, Any]) -> None:
    if facts["earlier"]:
        _head("Earlier publications of this interval")
        rows = [[f"v{e['version']}", _lake.minute(e["at"]), e["rows"], e["run"], e["why"]] for e in facts["earlier"]]
        _show.table(["version", "published", "rows", "run", "why"], rows, right=[2])
    if facts["attempts"]:
        _head("Attempts that did not publish")
        rows = [[_lake.minute(a["at"]), a["code"], a["run"], _lake.cut(a["what"])] for a in facts["attempts"]]
        _show.table(["at", "code", "run", "what"], rows)


def _head(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _line(name: str, text: str) -> None:
    click.echo(f"  {name:<11}{text}")
