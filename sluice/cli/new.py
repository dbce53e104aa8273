"""`sluice new`: a filled-in folder for a source or a product, in order from the start."""

from __future__ import annotations

import re
from pathlib import Path

import click

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter("a name has lower-case letters, digits and underscores, and begins with a letter")
    return value


def _split(ctx: click.Context, param: click.Parameter, value: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


@click.group(epilog="Example:\n\n  sluice new source port_weather --kind http")
def new() -> None:
    """Write a working folder for a new source or product."""


@new.command(epilog="Example:\n\n  sluice new source port_weather --kind http")
@click.argument("name", callback=_name)
@click.option("--kind", type=click.Choice(["http", "postgres", "files"]), default="http", show_default=True)
def source(name: str, kind: str) -> None:
    """Write sources/NAME: source.yaml, samples and README.md.

    It passes `sluice check` at once; nothing has to be registered anywhere.
    """
    from sluice.cli import _scaffold as scaffold

    root = _root()
    _must_be_new(root, name)
    _tell(scaffold.source(root, name, kind), name)


@new.command(epilog="Example:\n\n  sluice new product port_delays --reads port_weather,ships")
@click.argument("name", callback=_name)
@click.option("--reads", callback=_split, default="", metavar="A,B", help="Its inputs: sources or products.")
def product(name: str, reads: list[str]) -> None:
    """Write products/NAME: contract.yaml, transform.py, samples and runbook.md.

    It counts rows per day until you say what it means, and passes `sluice check` at once.
    """
    from sluice.catalog import load
    from sluice.cli import _scaffold as scaffold

    root = _root()
    _must_be_new(root, name)
    catalog = load(root)
    if not reads:
        reads = [each.source for each in catalog.sources.values() if each.event_time][:1]
    if not reads:
        raise click.UsageError("there is nothing to read yet; begin with `sluice new source NAME`")
    try:
        written = scaffold.product(catalog, name, reads)
    except scaffold.CannotBegin as error:
        raise click.UsageError(str(error)) from error
    _tell(written, name)


def _root() -> Path:
    from sluice.settings import load as settings

    return settings().catalog


def _must_be_new(root: Path, name: str) -> None:
    for folder in (root / "sources" / name, root / "products" / name):
        if folder.exists():
            raise click.UsageError(f"{folder} exists already; nothing was written")


def _tell(written: list[Path], name: str) -> None:
    for path in written:
        click.echo(f"  {path}")
    click.echo(f"{name} is ready to be made yours: edit the files above, then run `sluice check`.")
