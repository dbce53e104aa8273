"""`sluice check`: contracts, rules, samples and transforms, in sentences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sluice.catalog.problems import Problem


@click.command(
    epilog="Example:\n\n  sluice check\n\n  SLUICE_CATALOG=/srv/catalog sluice check --json",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Check every contract, its samples and its transform.

    Nothing is fetched and nothing is written. Exits 0 when all is well, 6 when something needs mending.
    """
    from sluice.catalog import load
    from sluice.catalog.checks import check as check_catalog
    from sluice.catalog.problems import Problem
    from sluice.errors import Misconfigured
    from sluice.settings import load as settings

    root = settings().catalog
    sources: list[str] = []
    products: list[str] = []
    try:
        catalog = load(root)
    except Misconfigured as error:
        if not (found := error.facts.get("problems")):
            raise
        problems = [Problem(**each) for each in found]
    else:
        sources, products = list(catalog.sources), list(catalog.products)
        problems = check_catalog(catalog)

    if as_json:
        facts = {"sources": sources, "products": products, "problems": [each.as_dict() for each in problems]}
        click.echo(json.dumps({"ok": not problems, **facts}, indent=2))
    else:
        _say(problems, len(sources), len(products), str(root))
    if problems:
        ctx.exit(Misconfigured.exit_code)


def _say(problems: list[Problem], sources: int, products: int, root: str) -> None:
    for problem in problems:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        click.secho(place + (f"  {problem.key}" if problem.key else ""), bold=True)
        click.echo(f"  {problem.message}")
        if problem.hint:
            click.echo(f"  → {problem.hint}")
    if problems:
        click.echo(f"\n{_count(len(problems), 'thing')} to mend. Correct the lines named above and run `sluice check`.")
    elif sources or products:
        click.echo(f"{_count(sources, 'source')} and {_count(products, 'product')} are in order.")
    else:
        click.echo(f"{root} holds no source and no product yet. `sluice new source NAME` writes the first one.")


def _count(number: int, thing: str) -> str:
    return f"1 {thing}" if number == 1 else f"{number} {thing}s"
