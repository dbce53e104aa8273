"""What the documents name exists: pages, headings, paths, commands, targets. What they show is real."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from sluice.cli.main import COMMANDS
from tests.support.pages import blocks
from tests.support.repository import ROOT, name_of, tracked

PAGES = [path for path in tracked() if path.suffix == ".md" and "templates" not in path.parts]
ADRS = ROOT / "docs" / "adr"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
CODE = re.compile(r"`([^`\n]+)`")
OURS = re.compile(r"(bench|catalog|deployments|docs|flows|infra|requirements|sluice|tasks|tests)/")


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _anchors(page: Path) -> set[str]:
    """Headings as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", _text(page)), re.M)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return set(plain)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To the page, and to the heading on it."""
    dead = []
    for link in LINK.findall(FENCED.sub("", _text(page))):
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    """Folders are renamed, and pages are not told."""
    named = [each for each in CODE.findall(FENCED.sub("", _text(page))) if OURS.match(each)]
    plain = [each for each in named if not re.search(r"[\s<>*{}…]", each)]
    roots = (ROOT, page.parent) if page.is_relative_to(ROOT / "catalog") else (ROOT,)
    gone = [each for each in plain if not any((root / each).exists() for root in roots)]
    assert [each for each in gone if "/bakery_" not in each] == []  # the tutorials' own


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_a_page_names_is_there(page: Path) -> None:
    """A page that promises what is not built costs the trust that the product is about."""
    text = _text(page)
    named = re.findall(r"(?:`|^|\$ )sluice ([a-z]+)", text, re.M)
    assert set(named) - set(COMMANDS) == set()
    targets = set(re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.M))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.M)) <= targets


def test_every_decision_is_listed_once_and_in_order() -> None:
    """A decision nobody finds is made again."""
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.+) \|$", _text(ADRS / "README.md"), re.M)
    found = sorted(ADRS.glob("[0-9]*.md"))
    assert [path.name for path in found] == [file for _, file, _ in listed]
    assert [_text(path).splitlines()[0] for path in found] == [f"# {number}. {title}" for number, _, title in listed]


@pytest.mark.parametrize("path", sorted(ADRS.glob("[0-9]*.md")), ids=name_of)
def test_a_decision_says_why_and_what_was_measured(path: Path) -> None:
    """Without its reason nobody dares to change it."""
    headings = re.findall(r"^## (.+)$", _text(path), re.M)
    assert headings[:3] == ["Context", "Decision", "Consequences"]
    assert headings[3:] in ([], ["Measured"])
    assert headings[3:] or re.search(r"\d", _text(path).partition("\n## ")[2])


def test_the_excerpts_on_the_first_page_are_real() -> None:
    """Whoever copies from it should get what the tutorials were tested with."""
    tutorials = [block for page in (ROOT / "docs" / "tutorials").glob("*.md") for block in blocks(page)]
    known = {_bare(line) for block in tutorials for line in block.body.splitlines()}
    shown = [block for block in blocks(ROOT / "README.md") if block.kind in ("yaml", "python")]
    assert shown
    assert [line for block in shown for line in block.body.splitlines() if _bare(line) not in known] == []


def _bare(line: str) -> str:
    return re.sub(r"\s+#.*$", "", line).rstrip()
