"""`sluice status`: which intervals are out, which are not, and how far the sources were read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sluice.cli import _lake, _show

if TYPE_CHECKING:
    from sluice.ops.intervals import IntervalState
    from sluice.steps._sources import SourceState


@click.command(epilog="Example:\n\n  sluice status\n\n  sluice status daily_sales --last 30")
@click.argument("product", required=False)
@click.option("--last", type=click.IntRange(1, 10_000), default=14, show_default=True, metavar="N",
              help="How many intervals of each product, the newest that are due.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def status(product: str | None, last: int, as_json: bool) -> None:
    """Show the state of every interval, or of PRODUCT's, and of the sources behind them.

    published, degraded (without an optional input), stale (an input has newer rows), refused, failed, or missing.
    Read from the lake alone.
    """
    from sluice.steps._sources import source_state
    from sluice.steps.standing import Standing, recorded

    ws = _lake.workspace()
    products = [ws.catalog.product(product).product] if product else ws.catalog.order()
    sources = ws.catalog.sources_of(product) if product else sorted(ws.catalog.sources)
    standing = Standing(ws)
    states = {name: standing.expected(name, last) for name in products}
    found = [source_state(ws, name, recorded(ws, name)) for name in sources]
    if as_json:
        facts = {name: [s.as_dict() for s in each] for name, each in states.items()}
        _show.as_json({"at": standing.now.isoformat(), "products": facts, "sources": [s.as_dict() for s in found]})
        return
    for name, each in states.items():
        _say_product(name, each)
    _say_sources(found)


def _say_product(product: str, states: list[IntervalState]) -> None:
    click.secho(product, bold=True, underline=True)
    if not states:
        click.echo("nothing is due yet\n")
        return
    rows = []
    for state in reversed(states):
        shown = state.shown
        version, at = (f"v{shown.version}", _lake.minute(shown.at)) if shown else ("", "")
        rows.append([state.interval, state.state, version, shown.rows if shown else "", at, _lake.cut(state.note)])
    _show.table(["interval", "state", "version", "rows", "published", "note"], rows, right=[3])
    click.echo()


def _say_sources(sources: list[SourceState]) -> None:
    rows = []
    for each in sources:
        note = [f"{each.failure.code}: {each.failure.what}"] if each.failure else []
        note += [f"refused {day}: {what}" for day, what in each.refused.items()]
        rejected = f"{each.rejected} of {each.refined_rows}" if each.refined_rows else ""
        rows.append([each.source, each.position or "", _lake.minute(each.landed_at), each.landed_rows or "",
                     rejected, _lake.cut("; ".join(note))])  # fmt: skip
    _show.table(["source", "read up to", "last landed", "rows", "rejected", "note"], rows, right=[3])
