"""Two processes run one interval at the same moment, twenty times over, and a reader looks all the while.

The orchestrator's limits are not trusted with this: a run whose worker was lost stays "running" for hours while its
successor works. One writer per interval rests on the lake's commit alone.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluice.errors import Transient
from tests.support.invariants import violations
from tests.support.pipeline import Shop, day_of_sales

MON, TUE = "2026-05-04", "2026-05-05"
ROUNDS = 20
spawn = multiprocessing.get_context("spawn")


def runner(root: str, name: str, start: Any, orders: Any, answers: Any) -> None:
    """A process that runs what it is told when all are ready, and says what became of it."""
    import sluice.quality.gate  # noqa: F401  the slow import, before the first round

    shop = Shop(Path(root))
    while (order := orders.get()) is not None:
        number, ingesting = order
        start.wait()
        try:
            done = shop.refresh(f"{MON}..{TUE}", f"{name}-{number}", ingesting=ingesting)
            answers.put(sorted(set(done.outcomes.values())))
        except Transient as error:
            answers.put([error.code])


class Reader(threading.Thread):
    """Reads gold as fast as it can with a reader that is not ours, and keeps every different thing it saw."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(daemon=True)
        self.uri = f"{shop.root}/lake/gold/takings"
        self.seen: set[tuple[tuple[Any, ...], ...]] = set()
        self.times = 0
        self.failed: Exception | None = None
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                rows = pl.read_delta(self.uri).sort("sold_on").select("sold_on", "sold", "revenue").rows()
            except Exception as error:  # noqa: BLE001  whatever stops a reader is what the test is about
                self.failed = error
                return
            self.seen.add(tuple(rows))
            self.times += 1


@contextmanager
def runners(shop: Shop) -> Iterator[tuple[list[Any], Any]]:
    start, answers = spawn.Barrier(2), spawn.Queue()
    orders = [spawn.Queue() for _ in range(2)]
    processes = [
        spawn.Process(target=runner, args=(str(shop.root), name, start, each, answers))
        for name, each in zip(("one", "two"), orders)
    ]
    for process in processes:
        process.start()
    try:
        yield orders, answers
        for each in orders:
            each.put(None)
        for process in processes:
            process.join(20)
    finally:
        for process in processes:
            process.kill()


def restock(shop: Shop, amount: int) -> None:
    """Both days again, every sale with the same new amount: a reader can tell a mixture of two rounds."""
    sales = [*day_of_sales(MON, [1, 2, 3], f"{amount}.00"), *day_of_sales(TUE, [4, 5, 6], f"{amount}.00")]
    shop.drop("till.csv", *sales)


@pytest.mark.parametrize("ingesting", [True, False], ids=["from landing to gold", "from silver to gold"])
def test_of_two_runs_of_one_interval_exactly_one_publishes(tmp_path: Path, ingesting: bool) -> None:
    """Each round changes the input and starts both at once; the loser says so, and a reader never sees half."""
    shop = Shop(tmp_path)
    restock(shop, 1)
    shop.refresh(f"{MON}..{TUE}")
    met: Counter[str] = Counter()
    reader = Reader(shop)
    reader.start()
    with runners(shop) as (orders, answers):
        for number in range(2, 2 + ROUNDS // 2):
            restock(shop, number)
            if not ingesting:
                shop.ingest()
            for each in orders:
                each.put((number, ingesting))
            outcomes = [answers.get(timeout=60), answers.get(timeout=60)]
            met.update(" + ".join(sorted(o)) for o in outcomes)
            assert outcomes.count(["published"]) == 1, outcomes
            assert all(o in (["published"], ["unchanged"], ["lake.conflict"]) for o in outcomes), outcomes
            assert shop.gold() == dict.fromkeys((MON, TUE), (3, f"{3 * number}.00"))
            assert sorted(shop.silver()) == [1, 2, 3, 4, 5, 6]
    reader.over.set()
    reader.join(20)
    assert reader.failed is None
    assert met["lake.conflict"] + met["unchanged"] == ROUNDS // 2
    for rows in reader.seen:
        assert [sold for _, sold, _ in rows] == [3, 3]
        assert len({revenue for _, _, revenue in rows}) == 1, "the reader saw a mixture of two publications"
    assert reader.times > ROUNDS
    assert violations(shop.root / "lake") == []
