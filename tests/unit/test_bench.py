"""The benchmark's own machinery: what it runs, what it keeps, what it shows."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from bench import __main__ as bench
from bench import measure, plots
from bench.figures import Figure, load, save
from tests.support.repository import ROOT

WORK = """
import sys
from bench.measure import Report

report = Report()
with report.stage("sum") as cost:
    cost.rows = len(str(sum(range(100_000))))
report.facts["round"] = sys.argv[1]
report.hand_back()
"""


def _case(monkeypatch: pytest.MonkeyPatch, name: str, figures: dict[str, Figure] | None) -> None:
    """A case as the benchmark finds one; without figures it fails."""
    case = ModuleType(f"bench.{name}.case")

    def options(parser: ArgumentParser) -> None:
        parser.add_argument(f"--{name}-size", type=int, default=1)

    def run(wanted: Namespace) -> dict[str, Figure]:
        if figures is None:
            raise RuntimeError("the server did not start")
        size = getattr(wanted, f"{name}_size")
        return {key: Figure(figure.value * size, figure.unit, figure.goal) for key, figure in figures.items()}

    case.options, case.run = options, run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"bench.{name}", ModuleType(f"bench.{name}"))
    monkeypatch.setitem(sys.modules, f"bench.{name}.case", case)
    monkeypatch.setattr(bench, "CASES", [*bench.CASES, name])


def test_a_case_that_fails_costs_its_own_figures_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour of measuring is not lost to the last case; the exit code tells all the same."""
    out = tmp_path / "results.json"
    _case(monkeypatch, "sound", {"sound.cpu@1": Figure(2.0, "s", 3.0)})
    _case(monkeypatch, "broken", None)
    assert bench.main(["broken", "sound", "--out", str(out)]) == 1
    assert load(out) == {"sound.cpu@1": Figure(2.0, "s", 3.0)}
    assert "the server did not start" in capsys.readouterr().err
    assert bench.main(["sound", "--out", str(out)]) == 0


def test_an_option_belongs_to_the_case_that_knows_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two cases may call an option alike, and a mistyped one is not passed over in silence."""
    out = tmp_path / "results.json"
    _case(monkeypatch, "sound", {"sound.cpu": Figure(2.0, "s")})
    assert bench.main(["sound", "--sound-size", "5", "--out", str(out)]) == 0
    assert load(out)["sound.cpu"].value == 10.0
    assert bench.main(["sound", "--no-such-option", "--out", str(out)]) == 1


def test_programs_take_turns_and_a_late_run_keeps_its_first_round(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A neighbour on the machine slows A and B alike. When the time is up there is a median of fewer, not none."""
    (tmp_path / "work.py").write_text(WORK)
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    programs = {name: partial(_program, name, environment) for name in "ab"}
    found = measure.turns(programs, 2)
    assert [report.facts["round"] for report in found["a"]] == ["a0", "a1"]
    said = [line.split()[4] for line in capsys.readouterr().err.splitlines()]
    assert said == ["a", "b", "a", "b"]
    assert all(measure.cpu(report) > report.stages["sum"].cpu >= 0 for report in found["b"])
    monkeypatch.setattr(measure, "deadline", 0.0)
    assert [len(reports) for reports in measure.turns(programs, 5).values()] == [1, 1]


def test_a_program_that_fails_says_what_it_said(tmp_path: Path) -> None:
    """A figure of a program that stopped half way would be the best of all."""
    (tmp_path / "work.py").write_text("print('no such table'); raise SystemExit(3)")
    with pytest.raises(RuntimeError, match=r"stopped with 3:\nno such table"):
        measure.run(measure.Program("work", environment={"PYTHONPATH": str(tmp_path)}))


def _program(name: str, environment: dict[str, str], number: int) -> measure.Program:
    return measure.Program("work", [f"{name}{number}"], environment)


def test_figures_of_other_cases_are_kept(tmp_path: Path) -> None:
    """One case is measured again without an hour for all the others."""
    save({"a.cpu": Figure(1.0, "s")}, tmp_path / "r.json")
    save({"b.cpu": Figure(2.0, "s", 1.5)}, tmp_path / "r.json")
    assert load(tmp_path / "r.json") == {"a.cpu": Figure(1.0, "s"), "b.cpu": Figure(2.0, "s", 1.5)}


def test_a_table_sets_peers_beside_sluice_and_says_when_a_goal_is_missed() -> None:
    """The reader compares along a line."""
    figures = {
        "shop.cpu@10": Figure(1.5, "s", 1.0), "shop.cpu.duckdb@10": Figure(0.5, "s"),
        "shop.cpu@2": Figure(0.5, "s", 1.0),
    }  # fmt: skip
    place = "<!-- figures: shop -->\nold\n<!-- end of figures -->"
    text = plots.filled(f"before\n{place}\nafter", figures)
    assert text.startswith("before\n<!-- figures: shop -->\n\n|  | Sluice | duckdb | goal |  |\n")
    assert "| cpu @ 2 | 0.5 s |  | ≤ 1 | met |\n| cpu @ 10 | 1.5 s | 0.5 s | ≤ 1 | **missed** |" in text
    assert plots.filled(text, figures) == text


def test_the_same_figures_make_the_same_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A picture with a date or a random id in it is a change in every commit."""
    series = {plots.OURS: [(1.0, 2.0), (1000.0, 3.0)], "duckdb": [(1.0, 1.0), (1000.0, 9.0)]}
    plot = plots.Plot("shop.cpu", "rows", "What it costs")
    drawn = []
    for folder in ("first", "second"):
        monkeypatch.setattr(plots, "IMAGES", tmp_path / folder)
        plots._draw(plot, series, "s")
        drawn.append((tmp_path / folder / plot.file).read_bytes())
    assert drawn[0] == drawn[1]
    assert b"duckdb" in drawn[0]
