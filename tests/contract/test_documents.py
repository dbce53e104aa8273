"""What the documents promise and what the code does are held together here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sluice.catalog.schemas import rendered
from sluice.errors import CODES
from tests.support.repository import ROOT, modules, name_of

RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = (
    "What it means", "What readers see", "First three checks", "Is a rerun safe?", "How to mend it", "Who owns it",
)  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_has_a_runbook(code: str) -> None:
    """An alert links to it at seven in the morning."""
    text = (RUNBOOKS / f"{code.replace('.', '-')}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {code}\n")
    assert tuple(re.findall(r"^## (.+)$", text, re.M)) == SECTIONS


def test_every_runbook_belongs_to_a_code() -> None:
    """A runbook for a code that is gone misleads."""
    known = {code.replace(".", "-") for code in CODES} | {"README"}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} <= known


def test_every_code_that_is_raised_is_known_and_every_known_code_is_used() -> None:
    """The vocabulary is the contract with whoever routes alerts."""
    files = [path for path in modules("sluice", "tasks") if path.name != "errors.py"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert [code for code in CODES if f'"{code}"' not in source] == []


@pytest.mark.parametrize(("name", "text"), rendered().items(), ids=list(rendered()))
def test_the_schemas_are_those_of_the_models(name: str, text: str) -> None:
    """Editors complete from them; `make generate` writes them again."""
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == text


def test_every_command_and_option_is_documented() -> None:
    """docs/reference/cli.md is what people find before `--help`."""
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    missing = []
    for name, command in _commands():
        if not re.search(rf"`{re.escape(name)}[ `\[]", page):
            missing.append(name)
        for parameter in command.params:
            options = [] if isinstance(parameter, click.Argument) else [o for o in parameter.opts if o.startswith("--")]
            missing += [f"{name} {option}" for option in options if option not in page]
    assert missing == []


def test_every_command_has_an_example() -> None:
    """People copy the example and read the rest when it fails."""
    without = [name for name, each in _commands() if "sluice" not in f"{each.epilog}".partition("Example")[2]]
    assert without == []


def _commands() -> Iterator[tuple[str, click.Command]]:
    from sluice.cli.main import sluice

    assert isinstance(sluice, click.Group)
    yield from _below("sluice", sluice, click.Context(sluice, info_name="sluice"))


def _below(prefix: str, group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from _below(f"{prefix} {name}", command, click.Context(command, context, info_name=name))


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    """An operator reads the page, not the class."""
    from sluice.settings import Settings

    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    settings = {f"SLUICE_{name.upper()}" for name in Settings.model_fields}
    named = {each.split("__")[0].rstrip("_") for each in re.findall(r"SLUICE_[A-Z_]+", page)}
    assert settings - named == set()
    assert named - settings - _other_variables() == set()


def _other_variables() -> set[str]:
    """Variables outside the settings class, for the tests."""
    return {"SLUICE_CORPORA"}


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=name_of)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    """A dead link in a runbook costs the minutes that matter."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (path.parent / link).exists()] == []
