"""Pages that people follow, run as they are written.

In a page's fenced blocks
    ```bash                     is run, all in one shell; `exit=6` after it says how its last command ends
    ```csv file=drop/a.csv      is written to that file
    ```output                   is what the block before it printed; `…` stands for anything, alone on a line for lines
"""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```(\w+)[ ]?([^\n]*)\n(.*?)^```$", re.M | re.S)
_MILESTONE = re.compile(r"^ +\d+\.\ds  .*\n", re.M)  # a terminal shows them for a moment only
_END = "--- end of a block:"


@dataclass
class Block:
    """One fenced block, and where it stands."""

    place: str
    kind: str
    body: str
    words: dict[str, str] = field(default_factory=dict)


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            f"{page.name}:{text[: found.start()].count(chr(10)) + 1}",
            found[1],
            found[3],
            dict(word.split("=", 1) for word in shlex.split(found[2])),
        )
        for found in _FENCE.finditer(text)
    ]


def run(pages: list[Path], folder: Path, environment: dict[str, str]) -> list[str]:
    """Follows the pages in one shell; what came out differently, in sentences."""
    every = [block for page in pages for block in blocks(page)]
    commands = [block for block in every if block.kind == "bash"]
    shell = subprocess.run(
        ["bash", "-c", _script(every)], cwd=folder, env=environment, text=True, check=False, timeout=600,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said = re.split(rf"^{_END} (\d+)\n", _MILESTONE.sub("", shell.stdout), flags=re.M)
    printed, codes = said[0:-1:2], said[1::2]
    if len(codes) < len(commands):
        return [f"{commands[len(codes)].place}: the shell ended here:\n{said[-1]}"]
    wrong = []
    for block, code, text in zip(commands, codes, printed):
        if code != block.words.get("exit", "0"):
            wrong.append(f"{block.place}: ended with {code}:\n{text}")
        following = every[every.index(block) + 1 :][:1]
        if following and following[0].kind == "output" and not _matches(following[0].body, text):
            wrong.append(f"{following[0].place}: printed\n{text}\ninstead of\n{following[0].body}")
    return wrong


def _script(every: list[Block]) -> str:
    parts = []
    for block in every:
        if block.kind == "bash":
            parts.append(f'{block.body}echo "{_END} $?"')
        elif path := block.words.get("file"):
            parts.append(f"cat > {shlex.quote(path)} <<'END OF FILE'\n{block.body}END OF FILE")
    return "\n".join(parts)


def _matches(expected: str, printed: str) -> bool:
    """Without regard to blanks before, behind and at the ends of lines. A line of `…` alone is any number of lines."""
    lines = [line.rstrip() for line in expected.strip().splitlines()]
    pattern = "".join("(?:.*\n)*?" if line == "…" else f"{_line(line)}\n" for line in lines)
    got = "".join(f"{line.rstrip()}\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, got) is not None


def _line(text: str) -> str:
    """A wildcard takes the blanks around it: what differs moves the columns behind it."""
    return r" *.*? *".join(map(re.escape, re.split(" *… *", text)))
