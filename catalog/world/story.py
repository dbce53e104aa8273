"""The story `sluice demo` plays in TuranMart's world, as data: what happens, what is run, what to look at.

The engine knows nothing of this company: it calls `begin` for a world, and plays the `acts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from catalog.world.faults import Fault, Kind
from catalog.world.generate import ONLINE, ORDERS, TILLS
from catalog.world.world import World

FIRST, SECOND = date(2026, 5, 1), date(2026, 5, 2)
ORDERS_PER_DAY = 2000
SEED = 2026

FIRST_DAY = (
    Fault(Kind.BAD_CURRENCY, ORDERS, 2),
    Fault(Kind.NEGATIVE_TOTAL, ORDERS, 2),
    Fault(Kind.NULL_KEY, ORDERS, 1),
    Fault(Kind.DISCOUNT_TOO_LARGE, ORDERS, 1),
    Fault(Kind.DUPLICATES, ORDERS, 8),
    Fault(Kind.EQUAL_TIMESTAMPS, ORDERS, 20),
    Fault(Kind.BAD_CURRENCY, ONLINE, 1),
    Fault(Kind.NEGATIVE_TOTAL, ONLINE, 1),
    Fault(Kind.UNKNOWN_REGION, ONLINE, 2),
    Fault(Kind.BAD_NUMBER, ONLINE, 1),
    Fault(Kind.DUPLICATES, ONLINE, 3),
    Fault(Kind.BAD_CURRENCY, TILLS, 1),
    Fault(Kind.BAD_NUMBER, TILLS, 1),
    Fault(Kind.BAD_TIMESTAMP, TILLS, 1),
    Fault(Kind.RAGGED_LINE, TILLS, 1),
    Fault(Kind.MISSING_COLUMN, TILLS, 3),
    Fault(Kind.UNREADABLE_FILE, TILLS, 1),
    Fault(Kind.DUPLICATES, TILLS, 2),
)
SECOND_DAY = (
    Fault(Kind.LATE_ROWS, ORDERS, 3),
    Fault(Kind.UNKNOWN_STORE, ORDERS, 4),
    Fault(Kind.BAD_CURRENCY, ONLINE, 1),
    Fault(Kind.WRONG_TOTALS, ORDERS),
)


@dataclass(frozen=True)
class Act:
    """What the world does (`before`), then what is run and how it must end. Without `args` only the world acts."""

    title: str
    args: tuple[str, ...] | None = None
    exit_code: int = 0
    before: Callable[[], None] | None = None
    notice: str = ""


def begin(folder: Path) -> World:
    """The world before the story: the servers run, the stores are known, and nothing has been sold."""
    return World.start(folder, orders_per_day=ORDERS_PER_DAY, seed=SEED)


def acts(world: World) -> list[Act]:
    """Two days at TuranMart: a good one with bad rows, and a bad one with good rows."""
    return [*_first_day(world), *_second_day(world), *_afterwards()]


def _first_day(world: World) -> list[Act]:
    def arrive() -> None:
        world.add_day(FIRST, *FIRST_DAY)
        world.shop.throttle(times=1, retry_after=1)

    return [
        Act(
            f"{FIRST:%-d May %Y} arrives: the order database, the shop's API and the tills' files",
            ("run", "daily_sales", "--for", str(FIRST)),
            before=arrive,
            notice="The shop asks us to wait a second, and we do. Bad rows are set aside; the rest is published.",
        ),
        Act(
            "Which rows of the order database were set aside, and by which rule?",
            ("quarantine", "show", ORDERS),
            notice="Each row has its reasons. A rule's id leads to the sentence in the contract that says why.",
        ),
        Act(
            "And which of the files that the tills dropped?",
            ("quarantine", "show", TILLS),
            notice="By file and line: a damaged line costs one line, a damaged file costs that file, never the day.",
        ),
    ]


def _second_day(world: World) -> list[Act]:
    def arrive() -> None:
        world.add_day(SECOND, *SECOND_DAY)

    def mend() -> None:
        world.mend_day(SECOND)

    return [
        Act(
            f"{SECOND:%-d May %Y} arrives broken: the export wrote order totals in tiyin, a hundred times too much",
            ("run", "daily_sales", "--for", str(SECOND)),
            exit_code=3,
            before=arrive,
            notice="Every row is valid by itself. Together they do not add up to the goods sold, so the gate refuses.",
        ),
        Act(
            "Can we trust today's numbers?",
            ("trust",),
            exit_code=3,
            notice=f"No, and why. Readers still see {FIRST:%-d May}, exactly as it was.",
        ),
        Act(
            "Head office mends the export; the same command runs again",
            ("run", "daily_sales", "--for", str(SECOND)),
            before=mend,
            notice="Corrected rows supersede the wrong ones. One store is not on the list yet: a caveat, no refusal.",
        ),
        Act(
            "And once more, to be sure",
            ("run", "daily_sales", "--for", str(SECOND)),
            notice="Nothing new: no row is added, and no number changes.",
        ),
    ]


def _afterwards() -> list[Act]:
    both = f"{FIRST}..{SECOND}"
    return [
        Act(
            f"Three orders of {FIRST:%-d May} came a day late; that day is published again",
            ("run", "daily_sales", "--for", str(FIRST)),
            notice="The former version stays readable, and the new one says what changed.",
        ),
        Act("Finance's product reads the first one", ("run", "daily_revenue", "--for", both)),
        Act(
            "So does the supply chain's, with the nightly stock counts", ("run", "region_inventory_risk", "--for", both)
        ),
        Act("How did this number come to be?", ("explain", "daily_sales", "--for", str(SECOND))),
        Act("Which days are out, and which are not?", ("status",)),
        Act(
            "Can we trust today's numbers now?",
            ("trust",),
            notice="Yes, with caveats: they are written down beside the number.",
        ),
    ]
