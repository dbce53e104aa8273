"""The state of an interval, from the ledger's facts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sluice.ops.intervals import BAD, IntervalState, Setback, Shown, judge

OUT = Shown(
    "2026-05-04", 3, "2026-05-05T06:10:00+00:00", "2026-05-05T06:10:00+00:00", "run1", "published", 6, "Passed."
)
NO = Setback("2026-05-05T07:00:00+00:00", "run2", "gate.refused", "refused", "G1 failed")
BEFORE = "2026-05-05T06:00:00+00:00"


def state(*args: object, **more: object) -> IntervalState:
    return judge("sales", "2026-05-04", *args, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "setbacks", "changed", "expected"),
    [
        (None, [], [], "missing"),
        (OUT, [], [], "published"),
        (replace(OUT, outcome="degraded"), [], [], "degraded"),
        (OUT, [], ["orders"], "stale"),
        (OUT, [NO], [], "refused"),
        (None, [NO], [], "refused"),
        (None, [replace(NO, code="input.missing", disposition="late")], [], "failed"),
        (OUT, [NO], ["orders"], "refused"),
        (OUT, [replace(NO, at=BEFORE)], [], "published"),
        (OUT, [replace(NO, at=OUT.at, run="run0")], [], "published"),
        (OUT, [replace(NO, at=OUT.at, run="run2")], [], "refused"),
        (OUT, [replace(NO, code="lake.conflict", disposition="transient")], [], "published"),
        (None, [replace(NO, code="lake.conflict", disposition="transient")], [], "failed"),
    ],
)
def test_the_newest_word_counts(
    shown: Shown | None, setbacks: list[Setback], changed: list[str], expected: str
) -> None:
    """A refusal before the publication is answered by it, one after it is not, at one instant by the later run."""
    found = state(shown, setbacks, changed)
    assert found.state == expected
    assert found.is_bad is (expected in BAD)


def test_times_are_compared_as_instants() -> None:
    """`09:00+05:00` stands behind `05:00+00:00` in a dictionary and before it in the world."""
    early = replace(NO, at="2026-05-05T11:05:00+05:00")
    assert state(OUT, [early]).state == "published"


def test_of_many_attempts_the_newest_is_told() -> None:
    """The first one may have been mended; the last one is what is wrong now."""
    later = replace(NO, at="2026-05-05T08:00:00+00:00", code="volume.low")
    found = state(None, [NO, later, replace(NO, at=BEFORE)])
    assert found.setback == later
    assert "readers have never seen it" in found.note


def test_caveats_and_later_notes_stand_in_one_note() -> None:
    """One column of a table holds all that is worth knowing."""
    found = state(replace(OUT, caveats=("W1 failed",)), [], ["orders"], ["a day was refused"], ["a newer snapshot"])
    assert found.note == "newer rows in orders; W1 failed; a day was refused; a newer snapshot"
