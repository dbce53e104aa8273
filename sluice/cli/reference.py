"""`python -m sluice.cli.reference docs/reference` writes the pages about commands and settings, from the code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

MADE = "<!-- Made by `make generate`; edit the code, not this page. -->"


def pages() -> dict[str, str]:
    """File name -> text."""
    return {"cli.md": commands(), "settings.md": settings()}


def commands() -> str:
    """Every command, its arguments, its options and its example."""
    from sluice.cli.main import EXIT_CODES, sluice

    lines = ["# Commands", "", MADE, "", _flowing(sluice.help or ""), "", _flowing(EXIT_CODES), ""]
    listed = list(_below("sluice", sluice, click.Context(sluice, info_name="sluice")))
    lines += ["| command | does |", "|---|---|"]
    lines += [
        f"| [`{name}`](#{name.replace(' ', '-')}) | {command.get_short_help_str(120)} |"
        for name, command, _ in listed
        if not isinstance(command, click.Group)
    ]
    for name, command, context in listed:
        lines += ["", *_section(name, command, context)]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """Every setting with its variable, type and default."""
    from sluice.settings import Settings

    lines = [
        "# Settings", "", MADE, "",
        "Environment variables, or lines of a `.env` file in the working directory. A wrong value stops every command "
        "with `settings.invalid`; an unset one has its default.", "",
        "| variable | type | default | meaning |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, field in Settings.model_fields.items():
        kind = _type(field.annotation)
        variable = f"SLUICE_{name.upper()}" + ("__<NAME>" if kind == "text by name" else "")
        default = field.get_default(call_default_factory=True)
        shown = f"`{default}`" if default not in (None, "", {}) else "none"
        lines.append(f"| `{variable}` | {kind} | {shown} | {_cell(field.description or '')} |")
    lines += [
        "", "Names in two parts use two underscores: the connection `orders_db` is `SLUICE_CONNECTIONS__ORDERS_DB`. "
        "Connections and secrets that are not set here are looked for in Prefect Secret blocks called "
        "`sluice-connection-<name>` and `sluice-secret-<name>`, with dashes for underscores. Values of connections, "
        "secrets and storage options are never logged.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _below(prefix: str, group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command, Any]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, context, info_name=name)
        yield f"{prefix} {name}", command, inner
        if isinstance(command, click.Group):
            yield from _below(f"{prefix} {name}", command, inner)


def _section(name: str, command: click.Command, context: click.Context) -> list[str]:
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    lines = [f"{'##' if name.count(' ') == 1 else '###'} {name}", "", f"`{usage}`", "", _flowing(command.help or "")]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        lines += ["", "| option | meaning |", "|---|---|"]
        lines += [f"| `{_spelt(o, context)}` | {_cell(_meaning(o, context))} |" for o in options]
    if command.epilog:
        lines += ["", *_epilog(command.epilog)]
    return lines


def _spelt(option: click.Option, context: click.Context) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.make_metavar(context)}"


def _meaning(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    return record[1] if record else ""


def _epilog(text: str) -> list[str]:
    """The example as code, and what stands around it as text."""
    lines: list[str] = []
    for block in (each.strip() for each in text.split("\n\n")):
        if block.startswith("sluice ") or " sluice " in block.split("\n")[0]:
            if lines and lines[-1] == "```":
                lines[-1:] = [block, "```"]
            else:
                lines += ["```sh", block, "```"]
        elif block and block != "Example:":
            lines += ["", _flowing(block)]
    return lines


def _flowing(text: str) -> str:
    """Paragraphs on one line each: the wrapping of a docstring means nothing."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _type(annotation: Any) -> str:
    known = {"str": "text", "int": "number", "Path": "path", "bool": "true or false"}
    name = getattr(annotation, "__name__", str(annotation))
    if "dict" in str(annotation):
        return "text by name"
    return "time (ISO 8601)" if "datetime" in str(annotation) else known.get(name, name)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for file, page in pages().items():
        (Path(sys.argv[1]) / file).write_text(page, encoding="utf-8")
