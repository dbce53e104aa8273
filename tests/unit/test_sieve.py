"""Refining as a pure function: rows in = silver + quarantine + superseded, whatever comes in."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.model.source import SourceContract, parse_source
from sluice.quality.sieve import Sieved, sieve
from sluice.steps.landing import OWN, conform

DAYS = [date(2026, 5, 1), date(2026, 5, 2)]
LANDED = datetime(2026, 5, 3, tzinfo=UTC)
TWINS = {"expect": "expect_column_values_to_be_unique", "with": {"column": "slip"}}


def contract(*rules: dict[str, Any], **overrides: Any) -> SourceContract:
    document: dict[str, Any] = {
        "source": "sales",
        "description": "What the tills of a small shop sold.",
        "owner": "shop",
        "kind": "files",
        "uri": "/landing",
        "format": "csv",
        "position": {"mode": "files"},
        "key": ["id"],
        "latest_by": "changed",
        "columns": {
            "id": {"type": "int64", "nullable": False},
            "changed": {"type": "int64"},
            "amount": {"type": "decimal(6,2)", "nullable": False, "min": 0},
            "slip": {"type": "string", "clean": ["trim", "empty_to_null"]},
        },
        "rules": list(rules),
    }
    return parse_source(document | overrides)


def row(id_: str | None, changed: str | None = "1", amount: str | None = "1.00", **more: Any) -> dict[str, Any]:
    return {"id": id_, "changed": changed, "amount": amount, "slip": None, "_event_on": DAYS[0], "_line": 1, **more}


def bronze(*rows: dict[str, Any]) -> pl.DataFrame:
    text = dict.fromkeys(("id", "changed", "amount", "slip"), pl.String())
    own = {
        "_batch": "b",
        "_landed_at": LANDED,
        "_position": None,
        "_origin": "till.csv",
        "_problem": None,
        "_raw": None,
    }
    return pl.DataFrame([{**own, **r} for r in rows], schema={**OWN, **text})


def ids(frame: pl.DataFrame) -> list[Any]:
    return sorted(frame["id"].to_list(), key=str)


def reasons(sieved: Sieved) -> dict[Any, list[str]]:
    return {r["id"]: r["_reasons"] for r in sieved.quarantine.iter_rows(named=True)}


somewhere = st.sampled_from(DAYS)
arbitrary = st.lists(
    st.builds(
        row,
        st.sampled_from(["1", "2", "3", "x", "", None]),
        st.sampled_from(["1", "2", "soon", None]),
        st.sampled_from(["1.00", "-1", "1.234", "", None]),
        slip=st.sampled_from(["a", " a ", "b", "", None]),
        _event_on=somewhere,
        _line=st.none() | st.integers(1, 3),
        _problem=st.sampled_from([None, None, None, None, "file.ragged_line", "file.unreadable"]),
        _landed_at=st.sampled_from([LANDED, LANDED + timedelta(hours=1)]),
        _origin=st.sampled_from(["till.csv", "till_2.csv"]),
    ),
    max_size=14,
)


@settings(deadline=None)
@given(arbitrary, st.sampled_from(["quarantine", "keep_latest", "refuse", "report"]), st.booleans())
def test_every_row_ends_in_exactly_one_place(rows: list[dict[str, Any]], on_fail: str, keyed: bool) -> None:
    """Null keys, torn lines, bad values, duplicates of duplicates: none may vanish and none may count twice."""
    rule = {"id": "U1", "on_fail": on_fail, **TWINS}
    source = contract(rule) if keyed else contract(rule, key=[], latest_by=None)
    sieved = sieve(bronze(*rows), source)
    came = Counter(r["_event_on"] for r in rows)
    places = (sieved.silver, sieved.quarantine, sieved.superseded)
    went = sum((Counter(frame["_event_on"].to_list()) for frame in places), Counter[date]())
    assert went == came
    assert all(sieved.quarantine["_reasons"].list.len() > 0)
    if keyed:
        assert sieved.silver["id"].is_unique().all()
    assert sieved.silver.select(pl.col("id").is_null().any() | (pl.col("amount") < 0).any()).item() is not True


@settings(deadline=None)
@given(arbitrary)
def test_the_latest_row_of_a_key_is_the_one_that_is_judged(rows: list[dict[str, Any]]) -> None:
    """By the contract's column, then by landing, then by place. A bad correction does not revive the old value."""
    frame = bronze(*rows)
    sieved = sieve(frame, contract())
    winners: dict[int, tuple[Any, dict[str, Any]]] = {}
    for number, r in enumerate(frame.iter_rows(named=True)):
        if r["_problem"] or r["id"] not in ("1", "2", "3"):
            continue
        changed = int(r["changed"]) if r["changed"] in ("1", "2") else -1
        rank = (changed, r["_landed_at"], r["_origin"], r["_line"] or 0, number)
        if rank >= winners.get(int(r["id"]), (rank,))[0]:
            winners[int(r["id"])] = (rank, r)
    good = {i: r["amount"] for i, (_, r) in winners.items() if r["amount"] == "1.00" and r["changed"] != "soon"}
    assert {r["id"]: str(r["amount"]) for r in sieved.silver.iter_rows(named=True)} == good
    bad = {str(i) for i in winners if i not in good}
    assert bad <= set(sieved.quarantine["id"])


@settings(deadline=None)
@given(arbitrary, st.randoms())
def test_the_result_does_not_depend_on_the_order_of_the_files(rows: list[dict[str, Any]], random: Any) -> None:
    """Bronze is read file by file, and which comes first changes with its log: silver must not change for it."""
    places = {(r["_landed_at"], r["_origin"], r["_line"], r["id"]) for r in rows}
    if len(places) < len(rows):
        return  # rows that nothing tells apart have no order to keep
    shuffled = rows[:]
    random.shuffle(shuffled)
    one, other = (sieve(bronze(*each), contract()).silver for each in (rows, shuffled))
    assert one.equals(other)


def test_a_tie_goes_to_the_row_that_landed_last_then_to_the_later_line() -> None:
    """Sources with a date for a timestamp have ties every day; the correction is what came after."""
    later = LANDED + timedelta(hours=1)
    rows = [
        row("1", "1", "1.00", _line=9), row("1", "1", "2.00", _line=1, _landed_at=later),
        row("2", "1", "1.00", _line=1), row("2", "1", "2.00", _line=2),
        row("3", None, "1.00", _line=2), row("3", "1", "2.00", _line=1),
    ]  # fmt: skip
    sieved = sieve(bronze(*rows), contract())
    assert [str(a) for a in sieved.silver["amount"]] == ["2.00", "2.00", "2.00"]
    assert sieved.superseded.height == 3


def test_a_tie_between_two_files_goes_by_their_names_and_not_by_which_is_read_first() -> None:
    """Bronze's files are read in the order of its log, which a checkpoint changes: silver flipped with it."""
    rows = [row("1", "1", "1.00", _origin="till_b.csv"), row("1", "1", "2.00", _origin="till_a.csv")]
    for each in (rows, rows[::-1]):
        assert [str(a) for a in sieve(bronze(*each), contract()).silver["amount"]] == ["1.00"]


def test_a_bad_correction_rejects_the_row_and_says_why() -> None:
    """The till meant to change the sale; publishing the old amount would be a guess."""
    sieved = sieve(bronze(row("1", "1", "5.00"), row("1", "2", "-5.00"), row("2", "1", "x")), contract())
    assert sieved.silver.height == 0
    assert sieved.superseded.height == 1
    assert reasons(sieved) == {"1": ["range:amount"], "2": ["type:amount"]}


def test_rows_without_a_whole_key_are_rejected_each_on_its_own() -> None:
    """Two sales whose number was not read are not one sale."""
    sieved = sieve(bronze(row(None), row(None), row("x")), contract())
    assert sieved.superseded.height == 0
    assert sorted(map(tuple, sieved.quarantine["_reasons"].to_list())) == [("null:id",), ("null:id",), ("type:id",)]


def test_quarantine_shows_the_values_as_they_came() -> None:
    """Whoever mends the source has to see what it sent, not what we made of it."""
    sieved = sieve(
        bronze(row("007", amount="1,50", slip=" a "), row("1", _problem="file.ragged_line", _raw="1;2")), contract()
    )
    by_id = {r["id"]: r for r in sieved.quarantine.iter_rows(named=True)}
    assert (by_id["007"]["amount"], by_id["007"]["slip"]) == ("1,50", " a ")
    assert (by_id["1"]["_raw"], by_id["1"]["_reasons"]) == ("1;2", ["file.ragged_line"])


def twins(on_fail: str) -> Sieved:
    """Three sales on one slip, and the same slip on another day."""
    rows = [row("1", "1", slip="a"), row("2", "3", slip="a"), row("3", "2", slip=" a "), row("4", slip="b"),
            row("5", slip="a", _event_on=DAYS[1]), row("6"), row("7")]  # fmt: skip
    return sieve(bronze(*rows), contract({"id": "U1", "on_fail": on_fail, **TWINS}))


def test_keep_latest_sets_all_but_the_latest_of_a_group_aside() -> None:
    """A resync repeats rows under new numbers: the newest is the sale. Nulls are no duplicates of each other."""
    sieved = twins("keep_latest")
    assert ids(sieved.silver) == [2, 4, 5, 6, 7]
    assert reasons(sieved) == {"1": ["U1"], "3": ["U1"]}


def test_quarantine_sets_the_whole_group_aside() -> None:
    """Where nobody can say which of them is right, none is published."""
    assert ids(twins("quarantine").silver) == [4, 5, 6, 7]


def test_refuse_names_the_day_and_leaves_the_others_alone() -> None:
    """The rule is the source's promise for the day; broken once, the day cannot be trusted."""
    sieved = twins("refuse")
    assert sieved.refused == {"2026-05-01": "U1"}
    assert ids(sieved.silver.filter(pl.col("_event_on") == DAYS[1])) == [5]


def test_report_counts_and_keeps_every_row() -> None:
    """People want to know first; the rows are published meanwhile."""
    sieved = twins("report")
    assert sieved.reported == {"U1": 3}
    assert ids(sieved.silver) == [1, 2, 3, 4, 5, 6, 7]
    assert sieved.quarantine.height == 0


def test_a_column_that_bronze_has_not_seen_yet_is_null_and_judged_as_null() -> None:
    """A contract gains a column before the source does: old days stay readable, a promised column is missed."""
    old = bronze(row("1")).drop("slip")
    assert sieve(old, contract()).silver["slip"].to_list() == [None]
    without = sieve(bronze(row("1")).drop("amount"), contract())
    assert reasons(without) == {"1": ["null:amount"]}


def test_a_line_that_cannot_be_read_goes_by_the_day_of_its_neighbours() -> None:
    """A torn line belongs to its file's day, also when the file lands days later; else it counts against today."""
    source = contract(
        event_time="sold_on", columns={"id": {"type": "int64"}, "sold_on": {"type": "date"}}, latest_by=None
    )
    lines = pl.DataFrame(
        {"id": ["1", "2", "3", None], "sold_on": ["2026-05-01", "2026-05-01", "2026-05-02", None],
         "_problem": [None, None, None, "file.ragged_line"]},
        schema_overrides={"_problem": pl.String},
    )  # fmt: skip
    frame, _ = conform(lines, source, "batch", LANDED)
    assert frame["_event_on"].to_list() == [date(2026, 5, 1), date(2026, 5, 1), date(2026, 5, 2), date(2026, 5, 1)]


def test_a_file_of_torn_lines_only_goes_by_the_day_it_landed() -> None:
    """There is no other day to go by, and it must be counted somewhere."""
    source = contract(
        event_time="sold_on", columns={"id": {"type": "int64"}, "sold_on": {"type": "date"}}, latest_by=None
    )
    frame, _ = conform(
        pl.DataFrame({"id": ["?"], "sold_on": ["?"], "_problem": ["file.unreadable"]}), source, "b", LANDED
    )
    assert frame["_event_on"].to_list() == [LANDED.date()]


def test_a_day_that_no_calendar_has_is_no_day() -> None:
    """0001-01-01T00:00Z is .NET's null; in New York it is a day of year 0, and Python stopped the batch at it."""
    source = contract(
        event_time="at", timezone="America/New_York", latest_by=None,
        columns={"id": {"type": "int64"}, "at": {"type": "timestamp"}},
    )  # fmt: skip
    rows = pl.DataFrame({"id": ["1", "2"], "at": ["0001-01-01T00:00:00Z", "2026-05-01T12:00:00Z"]})
    frame, _ = conform(rows, source, "batch", LANDED)
    assert frame["_event_on"].to_list() == [date(2026, 5, 1)] * 2


def test_a_typed_day_that_no_calendar_has_is_no_day_either() -> None:
    """Parquet files bring days of their own; one of the year 12026 is no partition."""
    source = contract(
        event_time="on", latest_by=None, columns={"id": {"type": "int64"}, "on": {"type": "date"}}, format="parquet"
    )
    rows = pl.DataFrame({"id": [1, 2], "on": [20574, 3_672_000]}, schema={"id": pl.Int64, "on": pl.Int32})
    frame, _ = conform(rows.with_columns(pl.col("on").cast(pl.Date)), source, "batch", LANDED)
    assert frame["_event_on"].to_list() == [date(2026, 5, 1)] * 2


def test_nothing_comes_of_nothing() -> None:
    """A day whose file was replaced by an empty one."""
    sieved = sieve(bronze(), contract({"id": "U1", "on_fail": "keep_latest", **TWINS}))
    assert (sieved.silver.height, sieved.quarantine.height, sieved.refused) == (0, 0, {})


def test_a_torn_line_counts_as_a_row_and_a_torn_file_as_a_file() -> None:
    """Six torn lines of nine are 67 % of the rows: counted as files they once passed a budget of 1 %."""
    torn = [row(None, _problem="file.unreadable", _line=n) for n in (4, 5)]
    whole = row(None, _problem="file.unreadable", _line=None)
    sieved = sieve(bronze(row("1"), *torn, whole), contract())
    assert (sieved.quarantine.height, sieved.files.height) == (3, 1)
