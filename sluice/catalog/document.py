"""A YAML file, read strictly, with the place of every key kept for error messages.

PyYAML's own loader reads `NO` as False, `1.10` as 1.1, `5:45` as 345, keeps the last of two equal keys and expands
an alias bomb in 10 ms. So only its parser is used; what the events mean is decided here: YAML 1.2's booleans and
numbers, no duplicate keys, no aliases, no tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_DEPTH = 32

Key = tuple[str | int, ...]
Place = tuple[int, int]

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)$")  # a leading zero is part of a code, not of a number
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+)$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d$")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[-+]\d\d:\d\d)?$")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


class Exact(float):
    """A number with a fraction that remembers how it was written: `1.10` stays `1.10`, 20 digits stay 20 digits."""

    text: str

    def __new__(cls, text: str) -> Exact:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


class Unreadable(Exception):
    """The file is not YAML as Sluice takes it; says where."""

    def __init__(self, message: str, place: Place = (1, 1), key: Key = (), hint: str = "") -> None:
        super().__init__(message)
        self.message, self.place, self.key, self.hint = message, place, key, hint


@dataclass(frozen=True)
class Document:
    """The value of a YAML file, and where each key and each value stands (line and column, from 1)."""

    path: Path
    value: dict[str, Any]
    keys: dict[Key, Place]
    values: dict[Key, Place]

    def place(self, key: Key) -> Place:
        """Of the value at `key`, or of the nearest thing around it that exists."""
        while key and key not in self.values:
            key = key[:-1]
        return self.values.get(key, (1, 1))

    def at(self, key: Key) -> Any:
        """The value at `key`; KeyError when there is none."""
        value: Any = self.value
        for part in key:
            try:
                value = value[part]
            except (TypeError, IndexError) as error:
                raise KeyError(key) from error
        return value


def read(path: Path) -> Document:
    """Raises Unreadable; OSError is the caller's."""
    if (size := path.stat().st_size) > MAX_BYTES:
        raise Unreadable(f"the file has {size:,} bytes; a contract has at most {MAX_BYTES:,}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"the file is not UTF-8 (byte {error.start + 1})") from error
    builder = _Builder(text)
    return Document(path, builder.document(), builder.keys, builder.values)


class _Builder:
    """Builds plain values from parser events; a mapping's place is that of its first key."""

    def __init__(self, text: str) -> None:
        self.keys: dict[Key, Place] = {}
        self.values: dict[Key, Place] = {}
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=_PARSER))

    def document(self) -> dict[str, Any]:
        try:
            next(self.events)  # stream start
            if isinstance(next(self.events), yaml.StreamEndEvent):
                raise Unreadable("the file is empty")
            value = self._value(next(self.events), ())
            next(self.events)  # document end
            if not isinstance(after := next(self.events), yaml.StreamEndEvent):
                raise Unreadable("the file holds more than one document", _place(after))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise Unreadable(f"not YAML: {error.problem or error.context}", place) from error
        except yaml.YAMLError as error:  # a control character: PyYAML names no line
            raise Unreadable(f"not YAML: {str(error).splitlines()[0]}") from error
        if not isinstance(value, dict):
            raise Unreadable("the file must hold keys and values, like `owner: data-platform`")
        return value

    def _value(self, event: Any, key: Key) -> Any:
        place = self.values[key] = _place(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise Unreadable("anchors and aliases (& and *) are not allowed", place, key, "write the value out")
        if event.tag and event.tag != "!":
            raise Unreadable(f"tags like {event.tag} are not allowed", place, key)
        if len(key) > MAX_DEPTH:
            raise Unreadable(f"more than {MAX_DEPTH} levels deep", place, key)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(key)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(key)
        return _scalar(event, key)

    def _sequence(self, key: Key) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*key, len(items))))
        return items

    def _mapping(self, key: Key) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            place = _place(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable("a key must be a plain word", place, key)
            name, path = event.value, (*key, event.value)
            if event.anchor or (event.implicit[0] and name == "<<"):
                raise Unreadable("anchors, aliases and merges are not allowed", place, path, "write the value out")
            if name in mapping:
                first = self.keys[path][0]
                raise Unreadable(f"{name!r} stands twice, first on line {first}", place, path, "keep one of them")
            if not mapping:
                self.values[key] = place
            self.keys[path] = place
            mapping[name] = self._value(next(self.events), path)
        return mapping


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _scalar(event: Any, key: Key) -> Any:
    text: str = event.value
    if not event.implicit[0]:  # quoted, or a block of text
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.match(text):
        return int(text) if len(text) < 40 else text  # past 38 digits it is no number of ours
    if _FLOAT.match(text):
        return Exact(text)
    try:
        if _DATE.match(text):
            return date.fromisoformat(text)
        if _INSTANT.match(text):
            return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise Unreadable(f"{text} is not a date: {error}", _place(event), key) from error
    return text
