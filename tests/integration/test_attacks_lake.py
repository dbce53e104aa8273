"""What others do to a lake, and what an operator edits: noticed and named, or refused, and never a number twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from pydantic import ValidationError

from sluice.errors import Broken, Misconfigured, Transient
from sluice.lake.table import Lake
from sluice.model.facts import Split
from sluice.settings import Settings
from sluice.steps import audit, build, demand, land, publish
from sluice.steps.standing import Standing
from tests.support.invariants import violations
from tests.support.pipeline import NOW, PRODUCT, SOURCE, TRANSFORM, Shop, day_of_sales, land_all, refine_all, sale

MON, TUE = "2026-05-04", "2026-05-05"
WITHOUT_KEY = SOURCE.replace("    key: [id]\n    latest_by: changed_at\n", "")
BY_LANDING = SOURCE.replace("    event_time: sold_at\n", "")
RECONCILED = "    reconcile:\n      - {id: C1, gold: sum(revenue), inputs: sum(sales.amount)}\n"


def state(shop: Shop, label: str = MON) -> str:
    ws = shop.ws
    return Standing(ws).states("takings", demand.parse(ws, "takings", label))[0].state


def test_a_compacted_bronze_is_refused_and_not_landed_again(tmp_path: Path) -> None:
    """OPTIMIZE hides which file the rows came from: both files landed once more, and the day's takings doubled."""
    shop = Shop(tmp_path, source=WITHOUT_KEY)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    shop.drop("b.csv", *day_of_sales(MON, [3]))
    shop.refresh(MON)
    before = shop.snapshot("bronze").version
    DeltaTable(str(tmp_path / "lake/bronze/sales")).optimize.compact()
    with pytest.raises(Broken, match="another tool has written") as refused:
        shop.refresh(MON)
    assert refused.value.code == "lake.corrupt"
    DeltaTable(str(tmp_path / "lake/bronze/sales")).restore(before)
    shop.drop("c.csv", *day_of_sales(MON, [4]))
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert shop.gold() == {MON: (4, "40.00")}


def append_to(table: Path) -> None:
    pl.read_delta(str(table)).write_delta(str(table), mode="append")


def empty(table: Path) -> None:
    DeltaTable(str(table)).delete()


def restore_first(table: Path) -> None:
    DeltaTable(str(table)).restore(1)


@pytest.mark.parametrize("tamper", [append_to, empty, restore_first])
def test_rows_that_nobody_audited_or_that_are_gone_are_no_publication(
    tmp_path: Path, tamper: Callable[[Path], None]
) -> None:
    """Trust said Yes while readers saw a stranger's rows, or older ones. The next run puts audited ones there."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1]))
    shop.refresh(MON)
    shop.drop("b.csv", *day_of_sales(MON, [2]))
    shop.refresh(MON)
    tamper(tmp_path / "lake/gold/takings")
    assert state(shop) == "failed"
    shop.now += timedelta(minutes=1)
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert shop.gold() == {MON: (2, "20.00")}
    assert state(shop) == "published"


@pytest.mark.parametrize("layer", ["bronze", "silver"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_damaged_data_file_is_named_and_the_transform_is_not_blamed(tmp_path: Path, layer: str, gone: bool) -> None:
    """The author of a transform was asked to mend a file that had lost its end."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    land_all(shop.ws, "sales", "landed")
    if layer == "silver":
        refine_all(shop.ws, "sales", "refined")
    file = next((tmp_path / "lake" / layer / "sales").rglob("*.parquet"))
    file.unlink() if gone else file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(Broken) as damaged:
        refine_all(shop.ws, "sales", "again") if layer == "bronze" else shop.refresh(MON, ingesting=False)
    assert (damaged.value.code, damaged.value.where) == ("lake.corrupt", str(file))


def test_a_device_without_room_is_an_outage_and_not_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars calls a full disk a ComputeError: on-call got a traceback for a disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, list(range(20_000))))
    signal = pytest.importorskip("signal")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(Transient) as full:
            land_all(shop.ws, "sales", "landed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert full.value.code == "lake.unavailable"
    shop.refresh(MON)
    assert violations(tmp_path / "lake") == []


@pytest.mark.parametrize(
    ("contract", "transform"),
    [
        (PRODUCT.replace("    inputs:\n", "    interval: week\n    inputs:\n", 1),
         TRANSFORM.replace(".dt.date()", '.dt.date().dt.truncate("1w")')),
        (PRODUCT.replace("timezone: Asia/Tashkent", "timezone: UTC"), TRANSFORM.replace("Asia/Tashkent", "UTC")),
    ],
    ids=["unit", "zone"],
)  # fmt: skip
def test_a_product_that_cuts_its_time_otherwise_is_refused(tmp_path: Path, contract: str, transform: str) -> None:
    """The week was published beside its days: readers who summed the table got every sale twice."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]), *day_of_sales(TUE, [3]))
    shop.refresh(f"{MON}..{TUE}")
    gold = shop.gold()
    shop.declare(product=contract, transform=transform)
    with pytest.raises(Misconfigured, match="would cut its rows into other partitions"):
        shop.refresh(MON)
    assert shop.gold() == gold


@pytest.mark.parametrize(
    "contract",
    [SOURCE.replace("timezone: Asia/Tashkent", "timezone: UTC"), SOURCE.replace("time: sold_at", "time: changed_at")],
    ids=["zone", "event_time"],
)
def test_a_source_that_cuts_its_days_otherwise_is_refused(tmp_path: Path, contract: str) -> None:
    """Bronze keeps the day a row was given when it landed: the hours around midnight were in no day's product."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    shop.refresh(MON)
    shop.declare(source=contract)
    for ingesting in (True, False):
        with pytest.raises(Misconfigured, match="would cut its rows into other partitions"):
            shop.refresh(MON, ingesting=ingesting)


def test_what_is_edited_under_a_run_is_not_published_under_the_old_name(tmp_path: Path) -> None:
    """The commit named the code that was planned with, and the rows were made by another."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    shop.ingest()
    ws = shop.ws
    plan = build.plan(ws, "takings", demand.parse(ws, "takings", MON), "run")
    shop.declare(transform=TRANSFORM.replace('pl.col("amount").sum()', '(pl.col("amount").sum() * 2)'))
    with pytest.raises(Misconfigured, match="was edited while this run"):
        build.build(ws, plan, plan.chunks[0])
    shop.drop("b.csv", *day_of_sales(MON, [3]))
    landing = land.plan(ws, "sales", "batch")
    shop.declare(source=SOURCE.replace("min: 0", "min: 1"))
    with pytest.raises(Misconfigured, match="was edited while this run"):
        land.land_split(shop.ws, landing, Split.from_dict(landing.splits[0]))


def test_rows_without_an_interval_stop_the_build(tmp_path: Path) -> None:
    """A sale without a time went into silver, and into no day of the product: without a reconciliation, for good."""
    shop = Shop(
        tmp_path,
        source=SOURCE.replace("sold_at:    {type: timestamp, nullable: false}", "sold_at:    {type: timestamp}"),
        product=PRODUCT.replace(RECONCILED, ""),
    )
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]), {**sale(3, f"{MON}T10:00:00"), "sold_at": None})
    with pytest.raises(Broken, match="1 rows of takings have no sold_on") as stopped:
        shop.refresh(MON)
    assert stopped.value.code == "build.schema"


def test_what_is_mended_by_putting_it_back_is_answered_for(tmp_path: Path) -> None:
    """The day was refused, its file put back as it was, and trust went on saying No: nothing had changed."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    shop.refresh(MON)
    shop.now += timedelta(hours=1)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2], "900000.00"))
    assert shop.refresh(MON).outcomes == {MON: "refused"}
    shop.now += timedelta(hours=1)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert state(shop) == "published"
    shop.now += timedelta(hours=1)
    assert shop.refresh(MON).outcomes == {MON: "unchanged"}


def test_a_source_that_failed_and_is_back_unchanged_is_answered_for(tmp_path: Path) -> None:
    """One night without the network, and the day could not be trusted ever after."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    shop.refresh(MON)
    shop.now += timedelta(hours=1)
    ws = shop.ws
    away = {"sales": Transient("source.unreachable", "nobody answers")}
    plan = build.plan(ws, "takings", demand.parse(ws, "takings", MON), "away", away)
    publish.publish(ws, plan, [], {})
    assert state(shop) == "failed"
    shop.now += timedelta(hours=1)
    shop.refresh(MON)
    assert state(shop) == "published"


def test_a_key_stands_once_also_where_rows_have_no_time_of_their_own(tmp_path: Path) -> None:
    """A row's day is then the day it landed: a correction of the next day stood beside what it corrected."""
    shop = Shop(tmp_path, source=BY_LANDING)
    shop.drop("a.csv", sale(1, f"{MON}T12:00:00"), sale(2, f"{MON}T12:00:00"))
    shop.ingest()
    shop.now = NOW + timedelta(days=1)
    shop.drop("b.csv", sale(1, f"{MON}T12:00:00", "55.00", f"{TUE}T12:00:00"))
    shop.ingest()
    assert shop.silver() == {1: ("2026-06-02", "55.00"), 2: ("2026-06-01", "10.00")}
    assert violations(tmp_path / "lake") == []


@pytest.mark.parametrize("refine_rows", [1, 1_000_000])
def test_a_refused_list_leaves_the_one_before_it(tmp_path: Path, refine_rows: int) -> None:
    """The new list was refused for its rows, and the old one was gone with the day it landed on: silver was empty."""
    shop = Shop(tmp_path, source=BY_LANDING, refine_rows=refine_rows)
    shop.drop("list.csv", *day_of_sales(MON, [1, 2]))
    shop.ingest()
    shop.now = NOW + timedelta(days=1)
    shop.drop("list.csv", *day_of_sales(MON, [1, 2], "-1.00"))
    _, refined = shop.ingest()
    assert sorted(refined.refused) == ["2026-06-01", "2026-06-02"]
    assert len(shop.silver()) == 2
    shop.now = NOW + timedelta(days=2)
    shop.drop("list.csv", *day_of_sales(MON, [1, 3]))
    shop.ingest()
    assert shop.silver() == {1: ("2026-06-03", "10.00"), 3: ("2026-06-03", "10.00")}
    assert violations(tmp_path / "lake") == []


@pytest.mark.parametrize("folder", ["a b", "lake[1]", "ünï", "a*b", "{a,b}", "it's"])
def test_a_lake_may_lie_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    """Polars takes brackets for a pattern, and found none of the files of lake[1]."""
    shop = Shop(tmp_path / "shop", lake=Lake(str(tmp_path / folder / "lake")))
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert shop.gold() == {MON: (2, "20.00")}


@pytest.mark.parametrize("lake", ["env=prod/lake", "p%20q/lake"])
def test_a_path_that_readers_take_for_something_else_is_refused(lake: str) -> None:
    """env=prod is a partition to Polars, and p%20q is `p q` to delta-rs."""
    with pytest.raises(ValidationError, match="readers take for something else"):
        Settings(lake=lake)


def test_a_refused_day_of_a_lookback_is_a_refused_input(tmp_path: Path) -> None:
    """The figure of two days was published over a day whose newest rows nobody had taken."""
    contract = PRODUCT.replace("{source: sales}", "{source: sales, lookback: 1d}").replace(RECONCILED, "")
    shop = Shop(tmp_path, product=contract)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]), *day_of_sales(TUE, [3]))
    shop.ingest()
    shop.drop("b.csv", *day_of_sales(MON, [7, 8, 9], "-1.00"))
    assert shop.refresh(TUE).errors[TUE]["code"] == "input.refused"


WEEKLY = (
    PRODUCT.replace("product: takings", "product: weekly")
    .replace("sales: {source: sales}", "takings: {product: takings}")
    .replace("start: 2026-05-01", "start: 2026-05-04")
    .replace("    inputs:\n", "    interval: week\n    inputs:\n", 1)
    .replace(RECONCILED, "")
)
WEEKLY_TRANSFORM = """\
    import polars as pl

    def weekly(takings):
        week = pl.col("sold_on").dt.truncate("1w")
        return takings.group_by(sold_on=week).agg(pl.col("sold").sum(), pl.col("revenue").sum().cast(pl.Decimal(18, 2)))
"""


def test_a_week_waits_for_each_of_its_days(tmp_path: Path) -> None:
    """Tuesday was refused, and the week went out as complete without it."""
    from textwrap import dedent

    shop = Shop(tmp_path)
    folder = tmp_path / "catalog/products/weekly"
    folder.mkdir()
    (folder / "contract.yaml").write_text(dedent(WEEKLY))
    (folder / "transform.py").write_text(dedent(WEEKLY_TRANSFORM))
    days = [f"2026-05-{day:02}" for day in range(4, 11)]
    for number, day in enumerate(days):
        shop.drop(f"{day}.csv", *day_of_sales(day, [number], "2000000.00" if day == TUE else "10.00"))
    shop.refresh(f"{days[0]}..{days[-1]}")
    assert weekly(shop)[1] == {"input.missing"}
    shop.drop(f"{TUE}.csv", *day_of_sales(TUE, [1]))
    shop.refresh(TUE)
    assert weekly(shop) == ({"published"}, set())


def weekly(shop: Shop) -> tuple[set[str], set[str]]:
    from tests.support.pipeline import refresh

    ws = shop.ws
    published = refresh(ws, "weekly", demand.parse(ws, "weekly", MON), shop.run())
    return set(published.outcomes.values()), {error["code"] for error in published.errors.values()}


def test_the_audit_judges_by_the_contract_that_was_planned_with(tmp_path: Path) -> None:
    """A gate that was loosened between building and auditing must not let a candidate through under the old name."""
    shop = Shop(tmp_path)
    shop.drop("a.csv", *day_of_sales(MON, [1, 2]))
    shop.ingest()
    ws = shop.ws
    plan = build.plan(ws, "takings", demand.parse(ws, "takings", MON), "run")
    candidate = build.build(ws, plan, plan.chunks[0])
    shop.declare(product=PRODUCT.replace("max_value: 1000000", "max_value: 9000000"))
    with pytest.raises(Misconfigured, match="was edited while this run"):
        audit.audit(shop.ws, plan, candidate)
