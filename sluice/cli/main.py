"""`sluice`: the command line. Commands are imported when they are called, so that `--help` costs nothing."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from sluice import __version__

if TYPE_CHECKING:
    from sluice.errors import SluiceError

# name -> the sentence that `sluice --help` shows; the module of that name has the command
COMMANDS = {
    "demo": "Build a small retailer's world, publish from it, see a bad day refused and mended.",
    "run": "Ingest what a product needs and publish its intervals.",
    "ingest": "Land and refine what is new at the sources.",
    "status": "Intervals of every product: published, missing, refused, stale, degraded.",
    "trust": "Can we trust today's numbers? Yes, yes with caveats, or no, and why.",
    "explain": "How a number came to be: version, inputs, verdict, reason, code, contract.",
    "diff": "Rows and metrics that changed between two versions of an interval.",
    "quarantine": "Rejected rows, why, and where they came from.",
    "check": "Contracts, samples and transforms, in sentences.",
    "new": "Write a filled-in folder for a new source or product.",
    "sources": "List sources, or ask one for a few live rows.",
    "server": "The local Prefect server that runs are shown in.",
    "doctor": "Versions, storage, server, clock: what is wrong and what to do.",
}

STOPPED = 130  # what a shell says of a command that Ctrl-C ended

EXIT_CODES = """
Exit codes: 0 done, 1 bug, 2 usage, 3 refused (readers keep the previous version), 4 transient, 5 broken source,
6 misconfigured, 7 late input.
"""


class Commands(click.Group):
    """Knows its commands by name; imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"sluice.cli.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sluice")
def sluice() -> None:
    """Data products that readers can trust: complete and audited, or the previous safe version.

    Settings come from the environment: SLUICE_LAKE, SLUICE_CATALOG, SLUICE_CONNECTIONS__<NAME> and others.
    """


def call(args: list[str]) -> int:
    """Runs one command and returns its exit code; an error ends in a sentence, a place and a remedy."""
    from sluice.errors import SluiceError
    from sluice.ops.memory import refuse_few_addresses

    try:
        refuse_few_addresses()
        code = sluice.main(args=args, prog_name="sluice", standalone_mode=False)
    except SluiceError as error:
        _show_error(error, as_json="--json" in args)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return STOPPED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """The process's entry."""
    code = call(sys.argv[1:])
    if code == STOPPED:  # threads may still be waiting for a source; Python would wait for them
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _show_error(error: SluiceError, *, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps({"error": error.as_dict()}, indent=2, default=str))
        return
    click.secho(f"{error.code}: {error.what}", fg="red", err=True)
    if error.where:
        click.echo(f"  at {error.where}", err=True)
    if error.remedy:
        click.echo(f"  → {error.remedy}", err=True)
    click.echo(f"  More: docs/runbooks/{error.code.replace('.', '-')}.md", err=True)


if __name__ == "__main__":
    main()
