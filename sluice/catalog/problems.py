"""What is wrong with a contract, as sentences: file, line, column, key path, and the nearest valid word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from types import NoneType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sluice.catalog.document import Document, Key


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend, and where it stands. `key` is the dotted path, `columns.order_id.type`."""

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        about = f"{self.key}: " if self.key else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {about}{self.message}{hint}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'owner'?`, or all that is known when it is little, or nothing."""
    words = sorted(known)
    if near := get_close_matches(word, words, 1, 0.6):
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(words)}" if 0 < len(words) <= 8 else ""


def at(document: Document, key: Key, message: str, hint: str = "") -> Problem:
    """A problem with the value at `key`."""
    return Problem(str(document.path), *document.place(key), dotted(key), message, hint)


def dotted(key: Key) -> str:
    """`rules[0].with.column`"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def explain(error: ValidationError, document: Document, schema: dict[str, Any]) -> Iterator[Problem]:
    """Every finding of pydantic, in our words. A union's branches all complain: the first one of a place is told."""
    told: set[Key] = set()
    for detail in error.errors(include_url=False):
        loc = tuple(part for part in detail["loc"] if part != "[key]")
        key = _in_document(loc, document)
        kind = detail["type"]
        if kind in ("missing", "extra_forbidden"):
            key = (*key, loc[-1]) if not key or key[-1] != loc[-1] else key
        if kind in ("union_tag_invalid", "union_tag_not_found"):
            key = (*key, detail["ctx"]["discriminator"].strip("'"))
        if kind == "value_error":
            key = _named_first(str(detail["ctx"]["error"]), key, document)
        if key in told and kind != "value_error":
            continue
        told.add(key)
        message, hint = _sentence(detail, key, document, schema)
        place = document.place(key)
        if "[key]" in detail["loc"] or kind == "extra_forbidden":
            place = document.keys.get(key, place)
        yield Problem(str(document.path), *place, dotted(key), message, hint)


def _in_document(loc: Key, document: Document) -> Key:
    """The key path in the file: pydantic's path also holds the names of the union branches it tried."""
    key: Key = ()
    for part in loc:
        try:
            document.at((*key, part))
        except KeyError:
            continue
        key = (*key, part)
    return key


def _named_first(message: str, key: Key, document: Document) -> Key:
    """A check over several keys begins with the one at fault: `event_time names 'x', which …`."""
    parts = tuple(message.split(maxsplit=1)[0].split("."))
    return next((k for k in ((*key, *parts), (*key, *parts[1:]), parts) if k in document.values), key)


def _sentence(detail: ErrorDetails, key: Key, document: Document, schema: dict[str, Any]) -> tuple[str, str]:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    name = repr(str(key[-1])) if key else "the contract"
    if kind == "missing":
        return f"{name} is missing", ""
    if kind == "extra_forbidden":
        return f"unknown key {name}", nearest(str(key[-1]), _known_keys(schema, detail["loc"][:-1]))
    if kind == "value_error":
        message = str(context["error"])
        return message, _nearest_column(message, key, document)
    if kind == "union_tag_not_found":
        return f"{name} is missing", ""
    if kind in ("union_tag_invalid", "literal_error"):
        expected = context.get("expected_tags") or context["expected"]
        known = re.findall(r"'([^']*)'", expected)
        word = str(context.get("tag", given))
        return f"{name} cannot be {word!r}", nearest(word, known) or f"known: {', '.join(known)}"
    if kind == "string_type":
        return f"{name} must be text", "write it in quotes" if not isinstance(given, dict | list | NoneType) else ""
    if kind == "string_pattern_mismatch":
        return f"{given!r} does not have the right form", f"expected: {_description(schema, detail['loc'])}"
    if kind in _PLAIN:
        return f"{name} {_PLAIN[kind].format(**context)}", ""
    return detail["msg"][0].lower() + detail["msg"][1:], ""


_PLAIN = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be keys and values",
    "model_type": "must be keys and values",
    "model_attributes_type": "must be keys and values",
    "date_type": "must be a date like 2026-05-01",
    "date_parsing": "must be a date like 2026-05-01",
    "date_from_datetime_parsing": "must be a date like 2026-05-01",
    "date_from_datetime_inexact": "must be a date like 2026-05-01, without a time",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must hold at least {min_length}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}


def _nearest_column(message: str, key: Key, document: Document) -> str:
    """For `… names 'ordered_on', which is not among the columns`: the column that was probably meant."""
    if not (match := re.search(r"names '([^']*)', which is not among the columns", message)):
        return ""
    holder = document.value.get("output", document.value)
    columns = holder.get("columns") if isinstance(holder, dict) else None
    return nearest(match[1], [str(column) for column in columns]) if isinstance(columns, dict) else ""


def _known_keys(schema: dict[str, Any], loc: tuple[int | str, ...]) -> list[str]:
    return list(_under(schema, loc).get("properties", {}))


def _description(schema: dict[str, Any], loc: tuple[int | str, ...]) -> str:
    is_key = loc[-1] == "[key]"  # … columns.OrderId.[key]: what a key of `columns` has to be
    here = _under(schema, loc[:-2]).get("propertyNames", {}) if is_key else _under(schema, loc)
    description, pattern = here.get("description"), here.get("pattern")
    return str(description or pattern)


def _under(schema: dict[str, Any], loc: tuple[int | str, ...]) -> dict[str, Any]:
    """The part of a JSON schema that speaks of `loc`; empty when it says nothing."""
    here = _resolved(schema, schema)
    for part in loc:
        branches = [here, *(_resolved(branch, schema) for branch in (*here.get("anyOf", []), *here.get("oneOf", [])))]
        mapping = here.get("discriminator", {}).get("mapping", {})
        if part in mapping:
            here = _resolved({"$ref": mapping[part]}, schema)
            continue
        for branch in branches:
            found = branch.get("items") if isinstance(part, int) else branch.get("properties", {}).get(part)
            if found is None and isinstance(branch.get("additionalProperties"), dict):
                found = branch["additionalProperties"]
            if found is None and "patternProperties" in branch:  # a mapping whose keys have a form: columns, inputs
                found = next(iter(branch["patternProperties"].values()))
            if found is not None:
                here = _resolved(found, schema)
                break
    return here if "properties" in here or not here.get("anyOf") else _first_object(here, schema)


def _first_object(here: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Of `Breaker | None`, the breaker."""
    branches = [_resolved(branch, schema) for branch in here["anyOf"]]
    return next((branch for branch in branches if branch.get("type") != "null"), here)


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    if not reference:
        return part
    return {**schema["$defs"][reference.rsplit("/", 1)[-1]], **{k: v for k, v in part.items() if k != "$ref"}}
