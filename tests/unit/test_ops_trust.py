"""The answer to `can we trust today's numbers?`, with a clock that stands still."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sluice.ops.intervals import IntervalState, Setback, Shown
from sluice.ops.trust import Evidence, Rejected, answer, deadline, worst
from sluice.ops.words import age, count, listed

ZONE = "Asia/Tashkent"
DUE = datetime(2026, 5, 5, 7, 30, tzinfo=ZoneInfo(ZONE))
OUT = Shown(
    "2026-05-04", 3, "2026-05-05T01:10:00+00:00", "2026-05-05T01:10:00+00:00", "r1", "published", 6, "All passed."
)
NO = Setback("2026-05-05T01:20:00+00:00", "r2", "gate.refused", "refused", "G1 failed", remedy="Mend it.")
GOOD = IntervalState("sales", "2026-05-04", "published", "", OUT)
REFUSED = IntervalState("sales", "2026-05-04", "refused", "", None, NO)
MISSING = IntervalState("sales", "2026-05-04", "missing", "")


def evidence(newest: IntervalState | None, **more: object) -> Evidence:
    facts: dict[str, object] = {"now": DUE - timedelta(minutes=10), "deadline": DUE} | more
    return Evidence("sales", ZONE, facts.pop("now"), newest, facts.pop("deadline"), **facts)  # type: ignore[arg-type]


def test_yes_says_when_and_what_was_checked() -> None:
    """The sentence is read aloud in meetings."""
    told = answer(evidence(GOOD, readers=OUT))
    assert (told.answer, told.caveats) == ("yes", ())
    assert told.sentence == "Yes. sales 2026-05-04 is out as version 3, published 1 h ago. All passed."


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"older": [replace(MISSING, interval="2026-05-02"), replace(MISSING, interval="2026-05-03")]},
         "2026-05-02 and 2026-05-03 are not published."),
        ({"older": [replace(REFUSED, interval="2026-05-03")]}, "2026-05-03 is refused."),
        ({"set_aside": ["1 file of tills was set aside."]}, "1 file of tills was set aside."),
        ({"upstream": [replace(REFUSED, product="orders")]},
         "orders 2026-05-04 was refused; this was made from its previous version."),
    ],
)  # fmt: skip
def test_each_doubt_is_a_caveat(more: dict[str, object], says: str) -> None:
    """A caveat that is not said is a lie by omission."""
    told = answer(evidence(GOOD, **more))
    assert (told.answer, told.caveats) == ("caveats", (says,))
    assert told.sentence.startswith("Yes, with 1 caveat. sales 2026-05-04 is out")


def test_a_stale_interval_and_refused_rows_are_caveats() -> None:
    """Both mean that the source knows better by now."""
    stale = replace(GOOD, state="stale", changed=("orders", "returns"), pending=("Newer rows were refused.",))
    assert answer(evidence(stale)).caveats == (
        "orders and returns got newer rows after it was published; running it again takes them in.",
        "Newer rows were refused.",
    )


def test_late_is_judged_by_the_first_publication() -> None:
    """A number that was there at ten past six is in time, however often it was restated."""
    late = replace(OUT, first_at="2026-05-05T03:00:00+00:00")
    restated = replace(OUT, at="2026-05-05T03:00:00+00:00")
    assert "after the time promised" in answer(evidence(replace(GOOD, shown=late))).caveats[0]
    assert answer(evidence(replace(GOOD, shown=restated))).answer == "yes"


def test_missing_is_not_yet_until_the_deadline() -> None:
    """The same facts at 07:20 and at 07:31 are two different sentences."""
    assert answer(evidence(MISSING)).sentence == (
        "Not yet. sales 2026-05-04 is due by 07:30. Readers have never seen sales."
    )
    late = answer(evidence(MISSING, now=DUE + timedelta(minutes=1)))
    assert late.sentence.startswith("No. sales 2026-05-04 has not been published.")
    assert late.reasons == ("It was due by 5 May 07:30, 1 min ago, and is not out.",)
    assert late.remedy == "sluice run sales --for 2026-05-04"


def test_a_refusal_is_no_at_any_time() -> None:
    """It will not mend itself by 07:30."""
    told = answer(evidence(REFUSED, readers=replace(OUT, interval="2026-05-03")))
    assert (told.answer, told.code, told.remedy) == ("no", "gate.refused", "Mend it.")
    assert told.sentence == (
        "No. sales 2026-05-04 was refused (gate.refused). Readers see 2026-05-03, version 3, published 1 h ago."
    )


def test_the_root_is_named_and_its_remedy_is_the_first_step() -> None:
    """Running the product again would only fail again."""
    told = answer(evidence(MISSING, root=replace(REFUSED, product="orders")))
    assert told.root == "orders"
    assert "because orders 2026-05-04 was refused" in told.sentence
    assert told.remedy == "Mend it."


def test_the_worst_answer_is_everybodys() -> None:
    """A page has one headline."""
    yes, no = answer(evidence(GOOD)), answer(evidence(REFUSED))
    assert worst([yes, no, yes]) == "no"
    assert worst([]) == "yes"


@pytest.mark.parametrize(
    ("by", "days", "due", "expected"),
    [
        ("07:30", "all", "2026-05-05T06:00", "2026-05-05T07:30"),
        ("06:00", "all", "2026-05-05T06:00", "2026-05-05T06:00"),
        ("05:00", "all", "2026-05-05T06:00", "2026-05-06T05:00"),
        ("07:30", "business", "2026-05-02T06:00", "2026-05-04T07:30"),  # a Saturday waits for Monday
        ("07:30", "business", "2026-05-05T06:00", "2026-05-05T07:30"),
    ],
)
def test_the_deadline_follows_the_tick(by: str, days: str, due: str, expected: str) -> None:
    """The promise is a local time on the day it is due, or on the next business day."""
    zone = ZoneInfo(ZONE)
    tick = datetime.fromisoformat(due).replace(tzinfo=zone).astimezone(UTC)
    assert deadline(by, days, tick, ZONE) == datetime.fromisoformat(expected).replace(tzinfo=zone)


def test_a_share_of_nothing_is_nothing() -> None:
    """A holiday has no rows, and none rejected."""
    assert Rejected("orders", 0, 0).share == 0.0


def test_ages_and_lists_read_as_people_say_them() -> None:
    """A sentence with a float in it is not read."""
    now = datetime(2026, 5, 5, tzinfo=UTC)
    seconds = {40: "40 s", 180: "3 min", 7200: "2 h", 86400: "1 day", 172800: "2 days", -5: "0 s"}
    assert {s: age(now - timedelta(seconds=s), now) for s in seconds} == seconds
    assert [listed(["a"]), listed(["a", "b", "c"]), listed(list("abcdef"), 2)] == ["a", "a, b and c", "a, b and 4 more"]
    assert (count(1, "row"), count(0, "row")) == ("1 row", "0 rows")
