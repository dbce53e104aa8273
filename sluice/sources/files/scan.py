"""The structural pass over CSV: where each record ends, and which records do not have the header's shape.

Polars pads short rows in silence: of 2,290 damaged files of a public benchmark 653 came out wrong that way. So no
record reaches it before this pass has proved that its quotes are legal (RFC 4180) and its fields are counted.
The proof is vectorised: only the positions of newlines, delimiters and quotes are looked at, never a field.

What is damaged, and how far the damage goes:
- too few or too many fields: that record;
- a quote inside an unquoted field, or text behind a closing quote: from the record's start to the end of the line
  with the offending quote. The text in between may be inside the quotes or not, so none of it passes as a row;
- an opening quote that nothing closes: the physical line it stands on. Nothing says that more belongs to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEWLINE, RETURN = 10, 13
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The two signs that give a CSV its structure, as bytes; both are ASCII, so any encoding we read leaves them be."""

    delimiter: int
    quote: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """The records of one window, up to `used` bytes and `newlines` physical lines."""

    good: bytes  # every good record with its newline
    lines: Places  # the line each good record starts on
    ragged: list[tuple[int, bytes]]  # (line, text) of the others
    used: int
    newlines: int
    hurt: bool  # a quote was out of place: go on in smaller windows


def scan(window: bytes, dialect: Dialect, fields: int, line: int, last: bool) -> Found:
    """Cut a window that begins with a record. With `last` (it then ends with a newline) all of it is used."""
    signs = np.frombuffer(window, np.uint8)
    newlines = np.flatnonzero(signs == NEWLINE)
    delimiters = np.flatnonzero(signs == dialect.delimiter)
    ends, offence, inside = newlines, None, None
    if dialect.quote is not None and bytes((dialect.quote,)) in window:
        quotes = np.flatnonzero(signs == dialect.quote)
        offence = _offence(signs, quotes, dialect.delimiter)
        ends, inside = _outside(newlines, quotes), _held(delimiters, quotes)
        if offence is not None:
            ends = ends[: np.searchsorted(ends, offence)]
    used = int(ends[-1]) + 1 if len(ends) else 0
    good, bad = _count(window, ends, delimiters[: np.searchsorted(delimiters, used)], inside, fields)
    starts = _starts(newlines, ends)
    ragged = [(line + int(starts[i]), text) for i, text in bad]
    lines = line + (starts if good.all() else starts[good])
    passed = len(newlines) if used == len(window) else int(np.searchsorted(newlines, used))
    body = window[:used] if good.all() else _kept(window, ends, good)
    if used < len(window) and (last or offence is not None):
        at = int(np.searchsorted(newlines, used if offence is None else offence))
        if at < len(newlines):
            end = int(newlines[at])
            ragged.append((line + passed, window[used:end]))
            used, passed = end + 1, at + 1
    return Found(body, lines, ragged, used, passed, offence is not None)


def _outside(places: Places, quotes: Places) -> Places:
    """Those not between an opening and a closing quote. A parity for every byte would be simpler, and cost twice."""
    _, first, count = _held(places, quotes)
    if not len(first):
        return places
    steps = np.zeros(len(places) + 1, np.int8)
    steps[first] += 1
    steps[first + count] -= 1
    kept: Places = places[np.cumsum(steps[:-1], dtype=np.int8) == 0]
    return kept


def _held(places: Places, quotes: Places) -> tuple[Places, Places, Places]:
    """The opening quotes that hold some of `places`; which is the first in each, and how many there are."""
    first = np.searchsorted(places, quotes[0::2])
    after = np.searchsorted(places, quotes[1::2])
    if len(after) < len(first):  # the last quote is still open
        after = np.append(after, len(places))
    holding = after > first
    return quotes[0::2][holding], first[holding], (after - first)[holding]


def _offence(signs: NDArray[np.uint8], quotes: Places, delimiter: int) -> int | None:
    """The first quote that RFC 4180 does not allow where it stands. At the window's end we cannot know yet."""
    touching = np.diff(quotes) == 1
    opening, closing = quotes[0::2], quotes[1::2]
    before = signs[opening - 1]  # opening[0] may be 0, and then reads the last sign: mended in the next line
    legal = (before == delimiter) | (before == NEWLINE) | (opening == 0)
    legal[1:] |= touching[1::2]
    end = len(signs) - 1
    after = signs[np.minimum(closing + 1, end)]
    then = signs[np.minimum(closing + 2, end)]
    closed = (after == delimiter) | (after == NEWLINE) | (closing == end)
    closed |= (after == RETURN) & ((then == NEWLINE) | (closing + 1 == end))
    closed[: len(touching[1::2])] |= touching[1::2]
    wrong = [int(places[~fine][0]) for places, fine in ((opening, legal), (closing, closed)) if not fine.all()]
    return min(wrong, default=None)


def _count(
    window: bytes, ends: Places, delimiters: Places, inside: tuple[Places, Places, Places] | None, fields: int
) -> tuple[NDArray[np.bool_], list[tuple[int, bytes]]]:
    """Which records have the right number of fields, and the number and text of those that do not. `inside`: the
    delimiters that quotes hold.

    A blank line is no record in a file of several columns, and a null in a file of one.
    """
    records = len(ends)
    good = np.ones(records, np.bool_)
    if (inside is None or not len(inside[0])) and len(delimiters) == records * (fields - 1):
        grid = delimiters.reshape(records, fields - 1)
        if fields == 1 or ((grid[:, -1] < ends).all() and (grid[1:, 0] > ends[:-1]).all()):
            return good, []
    counted = np.diff(np.searchsorted(delimiters, ends), prepend=0)
    if inside is not None:
        openings, _, held = inside
        within = int(np.searchsorted(openings, ends[-1])) if records else 0
        np.subtract.at(counted, np.searchsorted(ends, openings[:within]), held[:within])
    good = counted == fields - 1
    bad = []
    for i in np.flatnonzero(~good).tolist():
        text = window[int(ends[i - 1]) + 1 if i else 0 : int(ends[i])].removesuffix(b"\r")
        if text:
            bad.append((i, text))
    return good, bad


def _starts(newlines: Places, ends: Places) -> Places:
    """How many lines into the window each record starts. A record with newlines in its quotes takes several."""
    if not len(ends):
        return ends
    if newlines[len(ends) - 1] == ends[-1]:
        return np.arange(len(ends))
    return np.concatenate(([0], np.searchsorted(newlines, ends[:-1]) + 1))


def _kept(window: bytes, ends: Places, good: NDArray[np.bool_]) -> bytes:
    """The good records in one piece, copied by runs and not by record."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8)))
    bounds = np.concatenate(([0], ends + 1))[edges].tolist()
    return b"".join(window[start:end] for start, end in zip(bounds[0::2], bounds[1::2]))
