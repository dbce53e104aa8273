"""Figures with their goals: as a table for people, as JSON for whoever compares two of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

WIDTH = 120


@dataclass(frozen=True)
class Figure:
    """One measured number. Without a goal it is there to explain the others."""

    value: float
    unit: str
    goal: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


def save(figures: Mapping[str, Figure], path: Path) -> None:
    """Into the file, beside the figures that it already holds under other names."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {name: asdict(figure) for name, figure in figures.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Figure]:
    return {name: Figure(**each) for name, each in json.loads(path.read_text(encoding="utf-8")).items()}


def show(title: str, figures: Mapping[str, Figure]) -> None:
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "value", "unit", "goal", ""):
        table.add_column(heading, justify="right" if heading in ("value", "goal") else "left", no_wrap=True)
    for name, figure in figures.items():
        goal = "" if figure.goal is None else f"{'≤' if figure.better == 'lower' else '≥'} {figure.goal:g}"
        verdict = {None: "", True: "met", False: "[bold red]missed[/]"}[figure.met]
        table.add_row(name, f"{figure.value:,.2f}", figure.unit, goal, verdict)
    console = Console()
    console.width = max(console.width, WIDTH)  # a log file has no width, and a name cut short is no name
    console.print(table)
