"""From the prompt back to the prompt: help, status, and a run that finds nothing new.

Each a process of its own, with everything that Python imports for it; the world's servers and Prefect's are up.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from bench.figures import Figure
from bench.server import prefect_server
from catalog.world import story
from catalog.world.world import World

RUN = ("run", "daily_sales", "--for", str(story.SECOND))
COMMANDS = {
    "help": (("--help",), 0.3),
    "status": (("status",), 1.0),
    "explain": (("explain", *RUN[1:]), None),
    "run_up_to_date": (RUN, 3.0),
}
# What no run can do without: the interpreter and Prefect.
FLOOR = ("-c", "import prefect, prefect.client.orchestration")


def options(parser: ArgumentParser) -> None:
    pass


def run(wanted: Namespace) -> dict[str, Figure]:
    # Not closed to others, unlike what tempfile makes: as root in a container the server runs as `nobody`.
    folder = Path(tempfile.mkdtemp(prefix="bench-start-"))
    folder.chmod(0o755)
    days = [story.FIRST, story.SECOND]
    try:
        with (
            prefect_server(folder / "prefect") as prefect,
            World.start(folder / "world", days=days, orders_per_day=200) as world,
        ):
            environment = {
                **prefect, **world.environment, "SLUICE_LAKE": str(folder / "lake"),
                "SLUICE_CATALOG": str(Path(story.__file__).parents[1]),
            }  # fmt: skip
            sluice = ("-m", "sluice.cli.main")
            commands = {name: (*sluice, *arguments) for name, (arguments, _) in COMMANDS.items()}
            _cost((*sluice, *RUN), environment)  # publishes; the next one finds nothing new
            rounds = [
                {name: _cost(command, environment) for name, command in {**commands, "import_prefect": FLOOR}.items()}
                for _ in range(wanted.rounds)
            ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = {}
    for name in rounds[0]:
        goal = COMMANDS[name][1] if name in COMMANDS else None
        cpu, wall = (statistics.median(each[name][which] for each in rounds) for which in (0, 1))
        found[f"start.{name}"] = Figure(round(cpu, 2), "s CPU", goal=goal)
        found[f"start.{name}.wall"] = Figure(round(wall, 2), "s")
    return found


def _cost(command: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float]:
    """CPU and wall seconds. Not `measure.run`: what is measured is the command itself, and nothing of ours in it."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, *command], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} stopped with {done.returncode}:\n{done.stderr[-4000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
