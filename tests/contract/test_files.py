"""Every file a reader meets: short, portable, and free of what belongs to one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.repository import ROOT, name_of, tracked

LONGEST = 400
# Written in pieces, so that this file does not break its own rule.
REGISTRY_HOSTS = re.compile(
    "|".join(("py" + r"pi\.(org|python)", "python" + r"hosted\.org", r"registry\.npm" + "js", r"file:///" + "opt"))
)
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(home|root|Users|work|mnt|opt/py" + r"pi)/[A-Za-z0-9_.-]")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # pictures and binary samples have no lines


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        for number, line in enumerate(_text(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_module_is_longer_than_a_sitting() -> None:
    """At 400 lines a file has two subjects."""
    long = {name_of(p): n for p in tracked() if p.suffix == ".py" and (n := len(_text(p).splitlines())) > LONGEST}
    assert long == {}


def test_no_file_names_a_package_registry() -> None:
    """Which registry to use is the machine's business; a host in a lock file breaks every mirror."""
    assert _lines_with(REGISTRY_HOSTS) == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    """It works there and nowhere else."""
    assert _lines_with(MACHINE_PATHS) == []


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=name_of)
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    """An unpinned install of the same day did not start: fastapi 0.156 broke Prefect at import."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert requirements
    loose = [r for r in requirements if not re.match(r"[A-Za-z0-9._\[\],-]+==\S+", r) or "--hash=sha256:" not in r]
    assert loose == []


def test_the_worker_and_the_contributor_have_the_same_versions() -> None:
    """Tests that pass on other versions than production's prove little."""
    pins = {name: _pins(ROOT / "requirements" / f"{name}.txt") for name in ("runtime", "dev")}
    assert {k: v for k, v in pins["runtime"].items() if pins["dev"].get(k) != v} == {}


def _pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", path.read_text(encoding="utf-8"), re.M))


def test_actions_are_pinned_to_commits() -> None:
    """A moved tag runs somebody else's code with our token."""
    for path in sorted((ROOT / ".github" / "workflows").glob("*.y*ml")):
        text = path.read_text(encoding="utf-8")
        used = re.findall(r"uses:\s*(\S+)", text)
        assert [each for each in used if not re.search(r"@[0-9a-f]{40}$", each)] == []
        assert "\npermissions: {}\n" in text
