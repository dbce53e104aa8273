"""`sluice run`: ingest what a product needs, and publish its intervals."""

from __future__ import annotations

import click


@click.command(
    epilog="Example:\n\n  sluice run daily_sales\n\n  sluice run daily_sales --for 2026-05-01..2026-05-31 "
    '--reason "new discount rule"'
)
@click.argument("product")
@click.option(
    "--for", "interval", metavar="INTERVAL", help="2026-05-02, or 2026-05-01..2026-05-31. Default: newest due."
)
@click.option("--no-ingest", is_flag=True, help="Build from what the lake has; ask no source.")
@click.option("--reason", default="run by hand", show_default=True, help="Why; it stands in the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Show Prefect's log instead of milestones.")
def run(product: str, interval: str | None, no_ingest: bool, reason: str, as_json: bool, verbose: bool) -> None:
    """Ingest what PRODUCT needs and publish its intervals, products it reads first.

    Readers see each interval complete and audited, or its previous version. Running again publishes nothing new
    unless an input, the contract or the transform changed.
    """
    from sluice.cli import _flows, _prefect, _runs
    from sluice.errors import SluiceError
    from sluice.settings import load
    from sluice.steps.demand import parse
    from sluice.steps.workspace import Workspace, new_run

    ws = Workspace.of(load())
    ws.catalog.product(product)
    intervals = parse(ws, product, interval)
    name = new_run()
    parameters = {
        "product": product,
        "interval": f"{intervals[0]}..{intervals[-1]}" if len(intervals) > 1 else str(intervals[0]),
        "ingest": not no_ingest,
        "reason": reason,
        "run": name,
    }
    _prefect.use_server(console=verbose)
    failure: SluiceError | None = None
    try:
        _flows.call("refresh", parameters, quiet=as_json, verbose=verbose)
    except SluiceError as error:
        failure = error
    _runs.show_product(ws, name, product, [i.label for i in intervals], as_json=as_json, failure=failure)
    if failure:
        raise SystemExit(failure.exit_code) if as_json else failure
