"""`sluice ingest`: land and refine what is new."""

from __future__ import annotations

import click


@click.command(epilog="Example:\n\n  sluice ingest\n\n  sluice ingest store_orders till_files --json")
@click.argument("sources", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Show Prefect's log instead of milestones.")
def ingest(sources: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """Land and refine what is new at SOURCES, or at all of the catalog's.

    A source that fails stops only itself; the exit code is that of the gravest failure.
    """
    from sluice.cli import _flows, _prefect, _runs
    from sluice.errors import SluiceError
    from sluice.settings import load
    from sluice.steps.workspace import Workspace, new_run

    ws = Workspace.of(load())
    names = list(sources) or sorted(ws.catalog.sources)
    for name in names:
        ws.catalog.source(name)
    run = new_run()
    _prefect.use_server(console=verbose)
    failure: SluiceError | None = None
    try:
        _flows.call("ingest", {"sources": names, "run": run}, quiet=as_json, verbose=verbose)
    except SluiceError as error:
        failure = error
    _runs.show_sources(ws, run, names, as_json=as_json)
    if failure:
        raise failure
