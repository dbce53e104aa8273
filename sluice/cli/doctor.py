"""`sluice doctor`: what is wrong with this environment, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from sluice.cli import _show

if TYPE_CHECKING:
    from sluice.settings import Settings
    from sluice.steps._health import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


@click.command(epilog="Example:\n\n  sluice doctor\n\nExits 0 when nothing is bad, and 6 otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at versions, storage, tables, catalog, connections, clock, server and limits of this environment.

    Writes one small object into the lake's folder and removes it; changes nothing else.
    """
    from sluice.errors import Misconfigured

    found = []
    for finding in _findings():
        found.append(finding)
        if not as_json:
            _say(finding)
    bad = [f for f in found if f.level == "bad"]
    if as_json:
        _show.as_json({"ok": not bad, "findings": [f.as_dict() for f in found]})
    elif not bad:
        click.echo("\nNothing is bad.")
    else:
        click.secho(f"\n{len(bad)} bad: mend the lines above, then ask again.", fg="red")
    if bad:
        ctx.exit(Misconfigured.exit_code)


def _findings() -> Iterator[Finding]:
    from sluice.cli import _machine
    from sluice.errors import SluiceError
    from sluice.settings import load
    from sluice.steps._health import Finding

    yield from _machine.findings()
    try:
        settings = load()
    except SluiceError as error:
        yield Finding("settings", "bad", f"{error.where}: {error.what}", error.remedy)
        return
    yield Finding("settings", "ok", "every setting that is set has a fitting value")
    if settings.now:
        yield Finding("clock", "warn", f"SLUICE_NOW pretends that it is {settings.now}", "Unset it in production.")
    yield from _of_settings(settings)


def _of_settings(settings: Settings) -> Iterator[Finding]:
    from sluice.catalog import load as load_catalog
    from sluice.cli import _machine
    from sluice.errors import SluiceError
    from sluice.lake.table import Lake
    from sluice.steps import _health
    from sluice.steps.workspace import new_run

    lake = Lake(settings.lake.rstrip("/"), settings.storage_options())
    written = _health.storage(lake, new_run())
    yield from written
    if written[0].level == "ok":
        yield from _health.tables(lake)
    try:
        catalog = load_catalog(settings.catalog)
    except SluiceError as error:
        says = error.what.splitlines()[0].rstrip(":")
        yield _health.Finding("catalog", "bad", f"{says} ({error.where})", "`sluice check` says what, and where.")
        return
    counts = f"{len(catalog.sources)} sources and {len(catalog.products)} products"
    yield _health.Finding("catalog", "ok", f"{counts} are valid")
    yield from _health.names(catalog, settings, elsewhere=_machine.has_server())
    yield from _health.zones(catalog)


def _say(finding: Finding) -> None:
    click.echo(f"{click.style(f'{finding.level:<5}', fg=_COLOURS[finding.level])}{finding.name:<12}{finding.says}")
    if finding.remedy:
        click.echo(f"{'':<17}→ {finding.remedy}")
