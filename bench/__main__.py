"""`python -m bench [CASE ...] [--full]`: measures, shows every figure with its goal, and keeps them as JSON.

The full sizes go to bench/results.json, of which the documents are made; the short ones to build/bench.json.

A case is a package beside this file with a `case.py`: `options(parser)` for what it alone understands, and
`run(wanted)`, which returns its figures by name. A case that fails says so and costs its own figures only.
"""

from __future__ import annotations

import math
import sys
import time
import traceback
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench import figures, measure

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SHORT = HERE.parent / "build" / "bench.json"
CASES = sorted(path.parent.name for path in HERE.glob("*/case.py"))


def main(arguments: Sequence[str] | None = None) -> int:
    common = _common()
    wanted, rest = common.parse_known_args(arguments)
    if strange := [name for name in wanted.cases if name not in CASES]:
        common.error(f"no such case: {', '.join(strange)}; there are {', '.join(CASES)}")
    print(", ".join(f"{name} {value}" for name, value in measure.machine().items()))
    found: dict[str, figures.Figure] = {}
    failed, understood = [], set()
    names = wanted.cases or CASES
    out = wanted.out or (RESULTS if wanted.full else SHORT)
    if not wanted.cases:
        out.unlink(missing_ok=True)  # no figure is left of a name that nobody measures any more
    end = time.monotonic() + wanted.minutes * 60
    for number, name in enumerate(names, 1):
        measure.say(f"[{number}/{len(names)}] {name}")
        start = time.monotonic()
        measure.deadline = start + (end - start) / (len(names) - number + 1)
        try:
            case = import_module(f"bench.{name}.case")
            own = ArgumentParser(prog=f"python -m bench {name}", parents=[common], add_help=False)
            case.options(own)
            options, unknown = own.parse_known_args(arguments)
            understood |= set(rest) - set(unknown)
            new = case.run(options)
        except Exception:  # noqa: BLE001 - the other cases are still worth measuring; the exit code tells
            traceback.print_exc()
            failed.append(name)
            continue
        measure.say(f"[{number}/{len(names)}] {name}: {time.monotonic() - start:.0f} s")
        figures.save(new, out)
        found |= new
    figures.show(f"figures, in {out}", found)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    if unused := [word for word in rest if word not in understood]:
        print(f"no case that ran understands: {' '.join(unused)}", file=sys.stderr)
    return 1 if failed or unused else 0


def _common() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m bench", description="What Sluice costs, beside peers.", allow_abbrev=False)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"Of {', '.join(CASES)}; all of them when left out.")
    parser.add_argument("--full", action="store_true", help="The large sizes (TPC-H at scale 1), for the documents.")
    parser.add_argument("--rounds", type=int, default=5, help="How often each program runs; medians are told.")
    parser.add_argument("--minutes", type=float, default=math.inf, help="Leave out rounds rather than take longer.")
    parser.add_argument("--out", type=Path, help="Where the figures are kept, instead.")
    return parser


if __name__ == "__main__":
    sys.exit(main())
