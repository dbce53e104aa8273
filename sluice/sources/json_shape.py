"""Pages of records that all have the same keys, decoded into structures made for these keys.

A dictionary for each record costs four times what its text costs to read, most of it for the garbage collector. What
an API sends looks alike from page to page; a page that does not is decoded as any other, and so is one with an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from sluice.sources.json_rows import Document, parse

_TRIES = 8  # pages of another shape, before we stop to look for one


class Reader:
    """Parses the bodies of one read, each in the shape of the one before if it has it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._shape: _Shape | None = None
        self._misses = 0

    def parse(self, body: bytes, where: str) -> Document:
        """As `json_rows.parse`; the records are dictionaries, or all of one structure."""
        if self._shape and (found := self._shape.document(body, where)):
            return found
        plain = parse(body, where)
        if self._misses == _TRIES:
            return plain
        self._misses += 1
        self._shape = _shape_of(plain, self._path)
        # Again, so that two equal pages are equal whichever came first.
        return (self._shape and self._shape.document(body, where)) or plain


@dataclass(frozen=True)
class _Shape:
    path: tuple[str, ...]
    decoder: msgspec.json.Decoder[Any]

    def document(self, body: bytes, where: str) -> Document | None:
        try:
            found = self.decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return Document(body, _opened(found, self.path), where, "source.protocol")


def _shape_of(document: Document, path: str) -> _Shape | None:
    parts = tuple(path.split(".")) if path else ()
    around, value = list[dict[str, Any]](), document.value
    for part in parts:
        if not isinstance(value, dict) or part not in value:
            return None
        around.append(value)
        value = value[part]
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return None
    try:
        kind: Any = list[_structure(value[0], {})]  # type: ignore[misc]
        for part, members in zip(reversed(parts), reversed(around)):
            kind = _structure(members, {part: kind})
    except ValueError:  # a key that msgspec cannot look for, such as one with a quote
        return None
    return _Shape(parts, msgspec.json.Decoder(kind, float_hook=str))


def _structure(keys: dict[str, Any], kinds: dict[str, Any]) -> Any:
    """All of these keys and no others."""
    names = {f"f{number}": key for number, key in enumerate(keys)}
    return msgspec.defstruct(
        "Members",
        [(name, kinds.get(key, object)) for name, key in names.items()],
        rename=names,
        forbid_unknown_fields=True,
        gc=False,
    )


def _opened(value: Any, path: tuple[str, ...]) -> Any:
    """What is around the records as dictionaries again, for whoever looks for a total or the next page."""
    if not path:
        return value
    members = dict(zip(value.__struct_encode_fields__, msgspec.structs.astuple(value)))
    return {**members, path[0]: _opened(members[path[0]], path[1:])}
