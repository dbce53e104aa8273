"""Real limits on real processes: what is too much is refused, and what is ended anyway leaves the lake whole."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.errors import Misconfigured
from sluice.ops.memory import LEAST_ADDRESSES, MB, RESERVED, SMALLEST
from tests.support.invariants import violations
from tests.support.pipeline import TRANSFORM, Shop, day_of_sales

DAYS = "2026-05-04..2026-05-06"
GREEDY = """\
    import polars as pl

    def takings(sales):
        many = pl.LazyFrame({"n": range(30_000)})
        pairs = many.join(many, how="cross", suffix="_other").select(pl.struct("n", "n_other").hash().sort()).collect()
        day = pl.col("sold_at").dt.convert_time_zone("Asia/Tashkent").dt.date()
        revenue = (pl.col("amount").sum() + pairs.height * 0).cast(pl.Decimal(18, 2))
        return sales.group_by(sold_on=day).agg(sold=pl.len().cast(pl.Int64), revenue=revenue)
"""


def test_a_streamed_build_that_grows_over_the_cap_is_stopped_and_gold_stays(tmp_path: Path) -> None:
    """What a transform takes nobody can tell before: it runs in a process of its own, which is ended in time."""
    shop = Shop(tmp_path)
    shop.drop("monday.csv", *day_of_sales("2026-05-04", range(5)))
    shop.refresh("2026-05-04")
    before = shop.files("gold")
    shop.declare(transform=GREEDY)
    shop.drop("more.csv", *day_of_sales("2026-05-04", range(5, 9)))
    shop.memory, shop.eager_rows = "1GB", 1
    with pytest.raises(Misconfigured) as caught:
        shop.refresh("2026-05-04")
    assert caught.value.code == "memory.too_small"
    assert "streaming engine took" in caught.value.what
    assert shop.files("gold") == before
    shop.declare(transform=TRANSFORM)
    assert shop.refresh("2026-05-04").path == "streaming"
    assert shop.gold() == {"2026-05-04": (9, "90.00")}


def test_a_streamed_build_does_not_outlive_the_process_that_watches_it(tmp_path: Path) -> None:
    """A worker that is killed, by the kernel or a deployment, leaves nobody to end what grows over the cap."""
    shop = Shop(tmp_path)
    shop.drop("monday.csv", *day_of_sales("2026-05-04", range(5)))
    shop.ingest()
    told = tmp_path / "told"
    shop.declare(transform=ENDLESS.replace("TOLD", str(told)))
    code = f"from tests.support.pipeline import *\nshop = Shop(Path({str(tmp_path)!r}))\nshop.eager_rows = 1\n"
    code += "plan = build.plan(shop.ws, 'takings', demand.parse(shop.ws, 'takings', '2026-05-04'), 'run')\n"
    watcher = subprocess.Popen([sys.executable, "-c", code + "build.build(shop.ws, plan, plan.chunks[0])"])
    try:
        assert until(lambda: told.is_file() and told.read_text().isdigit())
    finally:
        watcher.kill()
        watcher.wait()
    child = int(told.read_text())
    assert child != watcher.pid
    assert until(lambda: not is_running(child))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_streamed_build_that_is_told_to_stop_is_not_called_too_large(tmp_path: Path, sent: signal.Signals) -> None:
    """A deployment that stops a worker and all it started must not leave advice to raise SLUICE_MEMORY. What the kernel
    ends, with SIGKILL, was too large."""
    shop = Shop(tmp_path)
    shop.drop("monday.csv", *day_of_sales("2026-05-04", range(5)))
    shop.declare(transform=STOPPED.replace("SENT", str(sent.value)))
    shop.eager_rows = 1
    with pytest.raises(RuntimeError if sent is signal.SIGTERM else Misconfigured) as caught:
        shop.refresh("2026-05-04")
    assert ("was told to stop" in str(caught.value)) is (sent is signal.SIGTERM)


STOPPED = """\
    import os, time

    def takings(sales):
        os.kill(os.getpid(), SENT)
        time.sleep(300)
"""
ENDLESS = """\
    import os, time

    def takings(sales):
        with open("TOLD", "w") as told:
            told.write(str(os.getpid()))
        time.sleep(300)
"""


def until(said: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not said() and time.monotonic() < deadline:
        time.sleep(0.05)
    return said()


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # that one waits for its new parent to look at it


def addresses(size: int) -> Callable[[], None]:
    """What `ulimit -v` or `prlimit --as` does, in the child before it starts."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


def shop_with_three_days(folder: Path) -> Shop:
    shop = Shop(folder)
    for n, day in enumerate(("2026-05-04", "2026-05-05", "2026-05-06")):
        shop.drop(f"{day}.csv", *day_of_sales(day, range(100_000 * n, 100_000 * n + 30_000)))
    return shop


def test_at_the_smallest_limit_of_addresses_everything_works(tmp_path: Path) -> None:
    """Polars used to wait for ever under `ulimit -v`: what allocators reserve counts there like what they use."""
    shop = shop_with_three_days(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.pipeline", str(tmp_path), "refresh", DAYS],
        preexec_fn=addresses(SMALLEST + RESERVED), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert {day: sold for day, (sold, _) in shop.gold().items()} == {
        "2026-05-04": 30_000, "2026-05-05": 30_000, "2026-05-06": 30_000,
    }  # fmt: skip


@pytest.mark.parametrize("size", [LEAST_ADDRESSES - MB, 600 * MB])
def test_below_it_the_command_line_says_so_and_does_not_hang(size: int) -> None:
    """A command that never comes back tells nobody what to raise."""
    done = subprocess.run(
        [sys.executable, "-m", "sluice.cli.main", "status"],
        preexec_fn=addresses(size), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == Misconfigured.exit_code, done.stderr[-2000:]
    assert "memory.too_small" in done.stderr
    assert "ulimit -v" in done.stderr


def test_a_run_whose_cap_is_too_small_changes_nothing(tmp_path: Path) -> None:
    """Between what Polars needs to start and what a run needs, the run is refused before it lands a row."""
    shop = shop_with_three_days(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.pipeline", str(tmp_path), "refresh", DAYS],
        preexec_fn=addresses(SMALLEST + RESERVED - 64 * MB), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "memory.too_small" in done.stderr
    assert shop.ws.bronze("sales").snapshot() is None


STARVED = """
import resource, sys
from pathlib import Path
import deltalake.transaction, polars as pl
from sluice.ops import memory
from sluice.quality import gate, sieve
from sluice.sources.files import csv
from tests.support import pipeline
from tests.support.pipeline import Shop, build, demand

shop = Shop(Path(sys.argv[1]))
ws = shop.ws  # believes in 4 GB
intervals = demand.parse(ws, "takings", sys.argv[2])
for engine in ("in-memory", "streaming"):  # threads start once
    pl.LazyFrame({"n": range(100_000)}).group_by(pl.col("n") % 7).len().collect(engine=engine)
limit = memory._status("VmSize") + int(sys.argv[3]) * memory.MB
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
pipeline.ingest(ws, "sales", "starved", intervals)
pipeline.refresh(ws, "takings", intervals, "starved")
"""


@pytest.mark.parametrize("more", [5, 100, 300])
def test_a_process_that_the_limit_ends_leaves_the_version_before_it(tmp_path: Path, more: int) -> None:
    """An allocation that fails aborts the process wherever it is. Readers keep what they had; the next run mends it."""
    shop = shop_with_three_days(tmp_path)
    shop.refresh(DAYS)
    before, version = shop.gold(), shop.snapshot("gold").version
    shop.drop("more.csv", *day_of_sales("2026-05-05", range(500_000, 540_000)))
    with subprocess.Popen(
        [sys.executable, "-c", STARVED, str(tmp_path), DAYS, str(more)], stderr=subprocess.PIPE, text=True
    ) as starved:
        try:
            _, says = starved.communicate(timeout=20)
        except subprocess.TimeoutExpired:  # a thread that could not start, and others that wait for it
            starved.kill()
            _, says = starved.communicate()
    assert starved.returncode != 0, says
    assert shop.snapshot("gold").version == version
    assert shop.gold() == before
    shop.refresh(DAYS)
    assert violations(tmp_path / "lake") == []
    assert {day: sold for day, (sold, _) in shop.gold().items()} == {
        "2026-05-04": 30_000, "2026-05-05": 70_000, "2026-05-06": 30_000,
    }  # fmt: skip
