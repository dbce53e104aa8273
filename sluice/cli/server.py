"""`sluice server`: the local Prefect server."""

from __future__ import annotations

import click


@click.group(epilog="Example:\n\n  sluice server status")
def server() -> None:
    """The local Prefect server that runs are shown in.

    `sluice run` starts it when PREFECT_API_URL names no other, and leaves it running.
    """


@server.command(epilog="Example:\n\n  sluice server start")
def start() -> None:
    """Start it, unless it runs."""
    from sluice.cli import _prefect

    click.echo(f"Prefect is at {_prefect.use_server().removesuffix('/api')}")


@server.command(epilog="Example:\n\n  sluice server stop")
def stop() -> None:
    """Stop it. Nothing in the lake depends on it."""
    from sluice.cli import _prefect

    click.echo("Stopped." if _prefect.stop() else "It does not run.")


@server.command(epilog="Example:\n\n  sluice server status")
def status() -> None:
    """Where it is, if it runs."""
    from sluice.cli import _prefect

    known = _prefect.running()
    if known is None:
        click.echo("It does not run.")
    else:
        click.echo(f"Prefect is at {known['url'].removesuffix('/api')} (pid {known['pid']}, log {known['log']})")
