"""`sluice sources`: what the catalog reads, and a live look at one of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import click

from sluice.cli import _lake, _show

if TYPE_CHECKING:
    import polars as pl

_CELL = 26  # as wide as a time with its zone


@click.group(epilog="Example:\n\n  sluice sources list\n\n  sluice sources probe store_orders --rows 5")
def sources() -> None:
    """List sources, or ask one for a few live rows."""


@sources.command("list", epilog="Example:\n\n  sluice sources list")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def list_(as_json: bool) -> None:
    """List the catalog's sources: kind, how they are read, who owns them, who reads them."""
    ws = _lake.workspace()
    facts: list[dict[str, Any]] = [
        {
            "source": name,
            "kind": each.kind,
            "position": each.position.mode,
            "key": each.key,
            "owner": each.owner,
            "connection": each.connection,
            "readers": ws.catalog.readers_of(name),
            "description": each.description,
        }
        for name, each in sorted(ws.catalog.sources.items())
    ]
    if as_json:
        _show.as_json(facts)
        return
    rows = [[f["source"], f["kind"], f["position"], ", ".join(f["key"]), f["owner"], ", ".join(f["readers"]),
             _lake.cut(f["description"], 60)] for f in facts]  # fmt: skip
    _show.table(["source", "kind", "read by", "key", "owner", "products", "description"], rows)


@sources.command(epilog="Example:\n\n  sluice sources probe store_orders --rows 5")
@click.argument("name")
@click.option("--rows", type=click.IntRange(1, 1000), default=10, show_default=True, metavar="N", help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
def probe(name: str, rows: int, as_json: bool) -> None:
    """Make one live request to the source NAME and show its rows. Nothing is landed."""
    from sluice.sources.base import connect

    ws = _lake.workspace()
    frame = connect(ws.catalog.source(name), ws.reach).probe(rows).head(rows)
    if as_json:
        columns = [{"name": n, "type": str(t)} for n, t in frame.schema.items()]
        _show.as_json({"source": name, "columns": columns, "rows": frame.rows(named=True)})
        return
    _say(frame)
    click.echo(f"{frame.height} rows of {name}; nothing was landed.")


def _say(frame: pl.DataFrame) -> None:
    """One line per column, with the values of the first rows: landing frames are wider than terminals."""
    columns = [c for c in frame.columns if c not in ("_problem", "_raw") or frame[c].null_count() < frame.height]
    fitting = max(1, (shutil.get_terminal_size((120, 24)).columns - 36) // (_CELL + 2))
    head = frame.head(fitting)
    rows = [[c, str(frame.schema[c]), *(_lake.cut(_text(v), _CELL) for v in head[c])] for c in columns]
    _show.table(["column", "type", *(f"row {n + 1}" for n in range(head.height))], rows)
    if head.height < frame.height:
        click.echo(f"The first {head.height} are shown; --json has all.")


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
