"""`python -m bench.plots`: docs/performance.md's tables and pictures, from bench/results.json.

A case has its place in the document between two markers. What stands between them is made here, so that the document
says what was measured; the words around it are written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure, load

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
DOCUMENT = HERE.parent / "docs" / "performance.md"
IMAGES = DOCUMENT.parent / "images"
OURS = "Sluice"
_PLACE = re.compile(r"<!-- figures: (\w+) -->\n.*?<!-- end of figures -->", re.S)


@dataclass(frozen=True)
class Plot:
    """All series of a metric over what it grows with."""

    metric: str  # case.what
    x: str
    title: str

    @property
    def file(self) -> str:
        return f"performance-{self.metric.replace('.', '-').replace('_', '-')}.svg"


PLOTS = (
    Plot("tpch.cpu", "TPC-H scale factor", "CPU of the whole job"),
    Plot("tpch.peak", "TPC-H scale factor", "Peak memory of the whole job"),
    Plot("fanout.cpu_per_split", "splits in one run", "CPU of one more split"),
    Plot("backfill.build_publish", "rows a day", "CPU to build and publish 365 days"),
    Plot("backfill.day_more", "days of history", "CPU of one day more"),
    Plot("history.open", "commits of the table", "CPU to open a table"),
    Plot("history.plan", "commits of the table", "CPU to plan a build"),
    Plot("history.status", "commits of the table", "CPU of status"),
    Plot("history.day", "commits of the table", "CPU of a run of one hour more"),
    Plot("memory.peak", "rows", "Peak memory under a cap of 1 GB"),
    Plot("refine.cpu", "days", "CPU of refining the same rows"),
    Plot("refine.per_file", "days", "CPU of one file of a day"),
    Plot("postgres.cpu", "rows", "CPU of reading a PostgreSQL table"),
    Plot("files.cpu", "rows", "CPU of landing files"),
    Plot("http.cpu", "records", "CPU of reading an API"),
)


@dataclass(frozen=True)
class Name:
    """`case.what[.peer][@x]`."""

    case: str
    what: str
    who: str
    x: str

    @classmethod
    def of(cls, name: str) -> Name:
        dotted, _, x = name.partition("@")
        case, _, rest = dotted.partition(".")
        what, _, who = rest.partition(".")
        return cls(case, what, OURS if who in ("", "sluice") else who, x)

    @property
    def row(self) -> tuple[str, str]:
        return self.what, self.x


def main() -> None:
    figures = load(RESULTS)
    for plot in PLOTS:
        if len(series := _series(figures, plot.metric)) and any(len(points) > 1 for points in series.values()):
            _draw(plot, series, _unit(figures, plot.metric))
    before = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(filled(before, figures), encoding="utf-8")
    if missing := {Name.of(name).case for name in figures} - set(_PLACE.findall(before)):
        print(f"no place in {DOCUMENT.name}: {', '.join(sorted(missing))}", file=sys.stderr)


def filled(document: str, figures: Mapping[str, Figure]) -> str:
    """The document with what the figures say in every place for them."""

    def block(found: re.Match[str]) -> str:
        case = found[1]
        own = {Name.of(name): figure for name, figure in figures.items() if Name.of(name).case == case}
        parts = [summary(figures)] if case == "goals" else [table(own), *_pictures(case, figures)]
        body = "\n\n".join(part for part in parts if part) or "Not measured yet."
        return f"<!-- figures: {case} -->\n\n{body}\n\n<!-- end of figures -->"

    return _PLACE.sub(block, document)


def table(figures: Mapping[Name, Figure]) -> str:
    """A row for each thing that was measured and each size, a column for each of those who did it."""
    if not figures:
        return ""
    people = [OURS, *sorted({name.who for name in figures} - {OURS})]
    rows = dict.fromkeys(sorted((name.row for name in figures), key=lambda row: (row[0], _number(row[1]), row[1])))
    lines = [["", *people, "goal", ""], ["---", *["---:"] * len(people), "---", "---"]]
    for what, x in rows:
        cells = {name.who: figure for name, figure in figures.items() if name.row == (what, x)}
        goals = [_goal(figure) for figure in cells.values() if figure.goal is not None]
        goal, verdict = goals[0] if goals else ("", "")
        label = what.replace("_", " ") + (f" @ {_x(x)}" if x else "")
        lines.append([label, *(_cell(cells[who]) if who in cells else "" for who in people), goal, verdict])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summary(figures: Mapping[str, Figure]) -> str:
    """Every figure that has a goal."""
    lines = [["figure", "value", "goal", ""], ["---", "---:", "---", "---"]]
    lines += [[f"`{name}`", _cell(each), *_goal(each)] for name, each in figures.items() if each.goal is not None]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(figure: Figure) -> str:
    # Three digits that say something; whole numbers from a hundred on.
    value = f"{figure.value:,.0f}" if abs(figure.value) >= 100 else f"{figure.value:.3g}"
    return f"{value} {figure.unit}"


def _goal(figure: Figure) -> tuple[str, str]:
    sign = "≤" if figure.better == "lower" else "≥"
    return f"{sign} {figure.goal:,g}", "met" if figure.met else "**missed**"


def _number(x: str) -> float:
    return float(x) if re.fullmatch(r"[0-9.]+", x) else 0.0


def _x(x: str) -> str:
    return f"{float(x):,g}" if re.fullmatch(r"[0-9]+", x) and len(x) < 7 else x


def _series(figures: Mapping[str, Figure], metric: str) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for text, figure in figures.items():
        name = Name.of(text)
        if f"{name.case}.{name.what}" == metric and re.fullmatch(r"[0-9.]+", name.x):
            found.setdefault(name.who, []).append((float(name.x), figure.value))
    return {who: sorted(points) for who, points in sorted(found.items(), key=lambda item: (item[0] != OURS, item[0]))}


def _unit(figures: Mapping[str, Figure], metric: str) -> str:
    return next(figure.unit for name, figure in figures.items() if name.startswith(f"{metric}@"))


def _pictures(case: str, figures: Mapping[str, Figure]) -> list[str]:
    drawn = [p for p in PLOTS if p.metric.startswith(f"{case}.")]
    drawn = [p for p in drawn if any(len(points) > 1 for points in _series(figures, p.metric).values())]
    return [f"![{p.title}, over {p.x}](images/{p.file})" for p in drawn]


def _draw(plot: Plot, series: Mapping[str, list[tuple[float, float]]], unit: str) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    # The same figures give the same bytes: no date, no random ids, no outlines of a font of this machine.
    mpl.rcParams |= {"svg.hashsalt": "sluice", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(
        color=["#d1702c", "#7a5ea8", "#6b6b6b", "#b8a11e", "#a8364b", "#3f8f4f"]
    )
    canvas = Canvas(figsize=(6.4, 3.4), layout="constrained")
    axes: Any = canvas.subplots()
    for who, points in series.items():
        style = {"linewidth": 2.4, "color": "#1f6f8b"} if who == OURS else {"linewidth": 1.2}
        axes.plot(*zip(*points), marker="o", label=who.replace("_", " "), **style)
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    if max(xs) > 20 * max(min(xs), 1e-9):
        axes.set_xscale("log")
    if min(ys) > 0 and max(ys) > 20 * min(ys):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(sorted(set(xs)), [f"{x:,g}" for x in sorted(set(xs))])
    axes.minorticks_off()
    axes.set(title=plot.title, xlabel=plot.x, ylabel=unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    if len(series) > 1:
        axes.legend(frameon=False)
    IMAGES.mkdir(exist_ok=True)
    canvas.savefig(IMAGES / plot.file, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
