"""`sluice trust`: can we trust today's numbers?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sluice.cli import _lake, _show

if TYPE_CHECKING:
    from sluice.ops.trust import Trust

_COLOURS = {"yes": "green", "caveats": "yellow", "no": "red"}


@click.command(epilog="Example:\n\n  sluice trust\n\n  sluice trust daily_sales --json\n\n"
               "Exits 0 for yes, with or without caveats, and 3 for no.")  # fmt: skip
@click.argument("product", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
@click.pass_context
def trust(ctx: click.Context, product: str | None, as_json: bool) -> None:
    """Say whether the newest numbers of every product, or of PRODUCT, can be trusted, and why not.

    The answer is about each product's newest interval that is due, and comes from what was published, never from
    the state of a run.
    """
    from sluice.errors import Refused
    from sluice.ops.trust import worst
    from sluice.steps.standing import Standing

    ws = _lake.workspace()
    products = [ws.catalog.product(product).product] if product else ws.catalog.order()
    standing = Standing(ws)
    answers = [standing.trust(name) for name in products]
    overall = worst(answers)
    if as_json:
        _show.as_json({"at": standing.now.isoformat(), "answer": overall, "products": [_facts(a) for a in answers]})
    else:
        for each in answers:
            _say(each, of_inputs=product is not None)
    if overall == "no":
        ctx.exit(Refused.exit_code)


def _facts(answer: Trust) -> dict[str, object]:
    rejected = [{**each.as_dict(), "share": each.share} for each in answer.rejected]
    return {**answer.as_dict(), "rejected": rejected}


def _say(answer: Trust, *, of_inputs: bool) -> None:
    first, _, rest = answer.sentence.partition(".")
    click.echo(f"{click.style(first + '.', fg=_COLOURS[answer.answer], bold=True)}{rest}")
    for reason in answer.reasons:
        click.echo(f"  {click.style('why', fg='red')}      {reason}")
    if answer.remedy:
        click.echo(f"  {'→':<9}{answer.remedy}")
    for caveat in answer.caveats:
        click.echo(f"  {click.style('caveat', fg='yellow')}   {caveat}")
    for each in answer.rejected:
        if each.rows:
            click.echo(f"  rejected {each.rows} of {each.rows_in} rows of {each.source} ({each.share:.2%})")
    for warning in (*answer.warnings, *(answer.input_warnings if of_inputs else ())):
        click.echo(f"  note     {warning}")
    click.echo()
