"""`python -m bench`: measures, shows a table and writes bench/results.json. `--scale 1` takes two to three minutes."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from bench import figures, measure
from bench.tpch import case as tpch

CASES = {"tpch": tpch}


def main() -> None:
    parser = ArgumentParser(prog="python -m bench", description="What Sluice costs, beside peers.")
    parser.add_argument("--case", choices=CASES, default="tpch")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.json"))
    for case in CASES.values():
        case.options(parser)
    wanted = parser.parse_args()
    machine = ", ".join(f"{name} {value}" for name, value in measure.machine().items())
    found = CASES[wanted.case].run(wanted)
    figures.show(f"{wanted.case} on {machine}", found)
    figures.save(found, wanted.out)


if __name__ == "__main__":
    main()
