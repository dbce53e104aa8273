"""`sluice demo`: plays the story that the catalog's world tells, with real servers and the real pipeline."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click


@click.command(epilog="Example:\n\n  sluice demo\n\n  sluice demo --dir /tmp/turanmart --keep-serving")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=".sluice/demo", show_default=True,
              help="Where the world and its lake live; emptied first.")  # fmt: skip
@click.option("--keep-serving", is_flag=True, help="Leave the world's servers up until Ctrl-C.")
def demo(folder: Path, keep_serving: bool) -> None:
    """Build a small retailer's world, publish from it, see a bad day refused and mended.

    A real PostgreSQL, an HTTP API and a folder that files drop into are started on loopback; nothing else is needed.
    """
    import os
    import shutil
    import time

    from sluice.cli import _prefect
    from sluice.settings import load

    story = _story(load().catalog)
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / ".sluice-demo").exists():
        raise click.UsageError(f"{folder} is not empty and not a former demo's: name another folder with --dir.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / ".sluice-demo").touch()
    started = time.monotonic()
    click.echo("Starting the orders database, the shop's API and a local Prefect server …")
    server = _prefect.use_server().removesuffix("/api")
    with story.begin(folder / "world") as world:
        os.environ.update(world.environment | {"SLUICE_LAKE": str(folder / "lake")})
        for number, act in enumerate(story.acts(world), 1):
            _play(number, act, world)
        took = time.monotonic() - started
        click.secho(f"\nDone in {took:.0f} s. The tables are in {folder / 'lake'}.", bold=True)
        click.echo(_next(server, folder, world))
        if keep_serving:
            click.echo("The world's servers stay up. Press Ctrl-C to stop them.")
            while True:
                time.sleep(3600)


def _story(catalog: Path) -> Any:
    """The catalog's world/story.py, imported as the package `catalog` whatever the folder is called."""
    import importlib
    import sys

    if not (catalog / "world" / "story.py").is_file():
        raise click.UsageError(f"{catalog} tells no story: there is no {catalog / 'world' / 'story.py'}.")
    sys.path.insert(0, str(catalog.resolve().parent))
    return importlib.import_module(f"{catalog.resolve().name}.world.story")


def _play(number: int, act: Any, world: Any) -> None:
    import os

    from sluice.cli.main import call

    click.secho(f"\n{number}. {act.title}", bold=True)
    if act.before:
        act.before()
    os.environ.update(world.environment)  # the clock stands at the morning after the world's last day
    if act.args is None:
        return
    click.secho(f"$ sluice {shlex.join(act.args)}", fg="cyan")
    code = call(list(act.args))
    if code != act.exit_code:
        click.secho(f"The command ended with {code}; the story expects {act.exit_code}.", fg="red", err=True)
        raise SystemExit(1)
    if code:
        click.echo(f"(exit code {code})")
    if act.notice:
        click.secho(f"  {act.notice}", italic=True)


def _next(server: str, folder: Path, world: Any) -> str:
    import sys

    command = Path(sys.argv[0])
    activate = (
        f". {shlex.quote(str(command.parent / 'activate'))}\n  " if (command.parent / "activate").exists() else ""
    )
    return f"""
What to look at next:
  {server}/runs      every run of this demo, its tasks, its log and its verdicts
  catalog/products/daily_sales/contract.yaml      what was promised
  docs/tutorials/first-source.md      your own first source and product

The lake answers without any server:
  {activate}export SLUICE_LAKE={shlex.quote(str(folder / "lake"))} SLUICE_NOW={world.now.isoformat()}
  sluice diff daily_sales --for 2026-05-01
  sluice explain daily_sales --for 2026-05-01

The Prefect server stays up for the next run; `sluice server stop` ends it."""
