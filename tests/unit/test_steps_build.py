"""Build and publish: what is made again and what is not, what readers keep when the gate refuses, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluice.errors import Broken, SluiceError, Transient
from sluice.steps import audit, build, demand
from sluice.steps.publications import attempts, publications
from sluice.steps.publish import publish
from tests.support import lake
from tests.support.invariants import violations
from tests.support.pipeline import PRODUCT, SOURCE, TRANSFORM, Shop, day_of_sales, sale

MON, TUE, WED = "2026-05-04", "2026-05-05", "2026-05-06"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.drop("mon.csv", *day_of_sales(MON, [1, 2, 3]))
    shop.drop("tue.csv", *day_of_sales(TUE, [4, 5]))
    return shop


def gold_bytes(shop: Shop) -> tuple[int, dict[str, bytes]]:
    """The version and every live file, byte for byte."""
    snapshot = shop.snapshot("gold")
    live = {f.path for f in snapshot.files()}
    return snapshot.version, {n: b for n, b in lake.bytes_of(snapshot.table).items() if n in live}


def sound(shop: Shop) -> bool:
    assert violations(shop.root / "lake") == []
    return True


def with_input(name: str, **more: str) -> str:
    """The product with a second input from the same source."""
    options = "".join(f", {k}: {v}" for k, v in more.items())
    return PRODUCT.replace(
        "sales: {source: sales}", f"sales: {{source: sales}}\n      {name}: {{source: sales{options}}}"
    )


def test_unchanged_inputs_make_nothing_new(shop: Shop) -> None:
    """A nightly run over a quiet source must not publish, nor let people believe that something happened."""
    assert shop.refresh(f"{MON}..{TUE}").outcomes == {MON: "published", TUE: "published"}
    before = gold_bytes(shop)
    again = shop.refresh(f"{MON}..{TUE}")
    assert (again.outcomes, again.version) == ({MON: "unchanged", TUE: "unchanged"}, None)
    assert gold_bytes(shop) == before
    assert sound(shop)


def test_only_the_interval_whose_input_changed_is_built_again(shop: Shop) -> None:
    """A late sale of Monday changes Monday; Tuesday's file is not rewritten."""
    shop.refresh(f"{MON}..{TUE}")
    before = shop.files("gold")
    shop.drop("late.csv", *day_of_sales(MON, [9], "5.00"))
    assert shop.refresh(f"{MON}..{TUE}").outcomes == {MON: "published", TUE: "unchanged"}
    assert shop.gold() == {MON: (4, "35.00"), TUE: (2, "20.00")}
    assert shop.files("gold")[TUE] == before[TUE]
    assert sound(shop)


@pytest.mark.parametrize("what", ["contract", "code"])
def test_a_changed_contract_or_transform_builds_again(shop: Shop, what: str) -> None:
    """Yesterday's figures under today's definition would be two definitions in one table."""
    shop.refresh(MON)
    if what == "contract":
        shop.declare(product=PRODUCT.replace("max_value: 1000000", "max_value: 2000000"))
    else:
        shop.declare(transform=TRANSFORM.replace("pl.len()", "(pl.len() + 1)"))
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert shop.gold()[MON][0] == (3 if what == "contract" else 4)
    assert sound(shop)


def test_many_intervals_are_one_build_and_one_commit(shop: Shop) -> None:
    """A backfill of a year in 365 commits takes hours, and readers see a year that is half new for all of them."""
    done = shop.refresh(f"{MON}..{TUE}")
    assert done.version == 1
    (entry,) = [p for p in publications(shop.ws, "takings") if p.interval == MON]
    assert sorted(entry.commit.keys() & {"run", "reason", "code", "contract", "versions"}) == [
        "code", "contract", "reason", "run", "versions"
    ]  # fmt: skip
    assert {t["appId"] for t in lake.logged(shop.ws.gold("takings"), 1)["txn"]} == {
        f"publish/takings/{MON}", f"publish/takings/{TUE}"
    }  # fmt: skip
    assert sound(shop)


def test_intervals_that_do_not_fit_together_are_built_in_runs_and_still_one_commit(shop: Shop) -> None:
    """Memory bounds the build, not the publication."""
    shop.drop("wed.csv", *day_of_sales(WED, [6, 7]))
    shop.eager_rows = 5
    shop.ingest()
    plan = build.plan(shop.ws, "takings", demand.parse(shop.ws, "takings", f"{MON}..{WED}"), "run")
    assert (plan.path, plan.chunks) == ("chunked", ((MON, TUE), (WED,)))
    done = shop.refresh(f"{MON}..{WED}")
    assert (done.version, set(done.outcomes.values())) == (1, {"published"})
    shop.eager_rows = 1
    shop.drop("late.csv", *day_of_sales(MON, [9]))
    assert shop.refresh(MON).path == "streaming"
    assert shop.gold() == {MON: (4, "40.00"), TUE: (2, "20.00"), WED: (2, "20.00")}
    assert sound(shop)


def test_a_refusal_leaves_gold_as_it_was_and_says_why(shop: Shop) -> None:
    """Readers keep the last safe version, byte for byte, and the lake knows what was refused and for what reason."""
    shop.refresh(f"{MON}..{TUE}")
    before = gold_bytes(shop)
    shop.drop("late.csv", *day_of_sales(MON, [9], "9999999.00"))
    done = shop.refresh(f"{MON}..{TUE}")
    assert done.outcomes == {MON: "refused", TUE: "unchanged"}
    assert gold_bytes(shop) == before
    (attempt,) = attempts(shop.ws, "takings")
    assert (attempt.interval, attempt.code, attempt.disposition) == (MON, "gate.refused", "refused")
    assert "G2" in attempt.what
    assert attempt.detail["candidate"], "the refused candidate should stay where people can look at it"
    assert attempt.detail["metrics"] == {"revenue": "10000029.00"}
    shop.drop("late.csv", *day_of_sales(MON, [9], "5.00"))
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert sound(shop)


def test_a_refused_interval_does_not_hold_up_the_others(shop: Shop) -> None:
    """Tuesday is right; Monday is not; Tuesday is published."""
    shop.drop("late.csv", *day_of_sales(MON, [9], "9999999.00"))
    assert shop.refresh(f"{MON}..{TUE}").outcomes == {MON: "refused", TUE: "published"}
    assert shop.gold() == {TUE: (2, "20.00")}
    assert sound(shop)


def test_a_candidate_that_was_planned_on_an_older_publication_is_refused(shop: Shop) -> None:
    """Two runs built the same interval; the second would put older inputs in the place of newer ones."""
    shop.ingest()
    ws = shop.ws
    plans = [build.plan(ws, "takings", demand.parse(ws, "takings", MON), run) for run in ("one", "two")]
    built = [[build.build(ws, p, c) for c in p.chunks] for p in plans]
    verdicts = [audit.audit(ws, p, b[0]) for p, b in zip(plans, built)]
    assert publish(ws, plans[0], built[0], verdicts[0]).version == 1
    assert publish(ws, plans[0], built[0], verdicts[0]).version == 1, "the same run again is the same publication"
    with pytest.raises(Transient) as conflict:
        publish(ws, plans[1], built[1], verdicts[1])
    assert conflict.value.code == "lake.conflict"
    assert sound(shop)


def test_a_missing_required_input_waits_and_publishes_nothing(shop: Shop) -> None:
    """No rows for the day is not a day without sales: the file may not have come yet."""
    done = shop.refresh(WED)
    assert (done.outcomes, done.errors[WED]["code"]) == ({WED: "failed"}, "input.missing")
    assert [a.code for a in attempts(shop.ws, "takings", [WED])] == ["input.missing"]
    assert not (shop.root / "lake/gold/takings/_delta_log").exists()


def test_a_missing_optional_input_degrades_and_says_so_until_it_comes(tmp_path: Path) -> None:
    """Readers get what there is, with a caveat; when the rest comes, the interval is built again."""
    source = SOURCE.replace("source: sales", "source: returns").replace("LANDING", "LANDING/returns")
    shop = Shop(
        tmp_path,
        product=PRODUCT.replace(
            "sales: {source: sales}", "sales: {source: sales}\n      returns: {source: returns, required: false}"
        ),
        transform=TRANSFORM.replace("takings(sales)", "takings(sales, returns)"),
    )
    (tmp_path / "landing/returns").mkdir()
    folder = tmp_path / "catalog/sources/returns"
    (folder / "samples").mkdir(parents=True)
    (folder / "source.yaml").write_text(
        "\n".join(line[4:] for line in source.replace("LANDING", str(shop.landing)).splitlines())
    )
    (folder / "samples/rows.csv").write_text((tmp_path / "catalog/sources/sales/samples/rows.csv").read_text())
    shop.drop("mon.csv", *day_of_sales(MON, [1]))
    done = shop.refresh(MON)
    assert done.outcomes == {MON: "degraded"}
    (published,) = publications(shop.ws, "takings")
    assert published.outcome == "degraded"
    assert "without returns" in published.facts["caveats"][0]
    assert shop.refresh(MON).outcomes == {MON: "unchanged"}
    from tests.support.pipeline import ingest

    shop.drop("returns/mon.csv", *day_of_sales(MON, [70]))
    ingest(shop.ws, "returns", "returned")
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert sound(shop)


def test_a_refused_day_of_an_input_stops_its_interval_only(shop: Shop) -> None:
    """Silver kept the old Monday; publishing it again as if it were today's would hide the refusal."""
    shop.refresh(f"{MON}..{TUE}")
    garbage = [sale(n, f"{MON}T12:00:00", "much") for n in range(10, 20)]
    shop.drop("more.csv", *garbage, *day_of_sales(TUE, [8]))
    done = shop.refresh(f"{MON}..{TUE}")
    assert done.outcomes == {MON: "failed", TUE: "published"}
    assert done.errors[MON]["code"] == "input.refused"
    assert shop.gold() == {MON: (3, "30.00"), TUE: (3, "30.00")}


@pytest.mark.parametrize(
    ("transform", "code", "says"),
    [
        ("def takings(sales):\n    x = 1\n    raise ZeroDivisionError('by zero')\n", "build.failed", "transform.py:3"),
        ("def takings(sales):\n    return sales.select('nonsense')\n", "build.failed", "nonsense"),
        ("def takings(sales):\n    return 42\n", "build.failed", "int"),
        (
            "import polars as pl\ndef takings(sales):\n    return sales.select(sold_on=pl.lit(1))\n",
            "build.schema",
            "lacks sold",
        ),
    ],
)
def test_a_transform_that_fails_is_named_with_its_line(shop: Shop, transform: str, code: str, says: str) -> None:
    """Its author is woken, not the platform's: the message has to carry the place and the reason."""
    shop.declare(transform=transform)
    with pytest.raises(Broken) as failed:
        shop.refresh(MON)
    assert failed.value.code == code
    assert says in str(failed.value)


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("pl.len().cast(pl.Int64)", True),
        ("pl.len()", True),
        ("pl.len().cast(pl.Float64)", False),
        ("pl.len().cast(pl.String)", False),
        ("(pl.len().cast(pl.UInt64) + 2**63)", False),
        ("pl.lit(None)", True),
    ],
)
def test_the_output_fits_its_contract_without_loss_or_is_refused(shop: Shop, expression: str, fits: bool) -> None:
    """A float where a count is promised, or a number too large for it, is the transform's fault and not rounded off."""
    shop.declare(
        transform=TRANSFORM.replace("pl.len().cast(pl.Int64)", expression),
        product=PRODUCT.replace("sold:    {type: int64, nullable: false}", "sold:    {type: int64}"),
    )
    if fits:
        assert shop.refresh(MON).outcomes == {MON: "published"}
        assert shop.rows("gold").schema["sold"] == pl.Int64
        return
    with pytest.raises(Broken) as refused:
        shop.refresh(MON)
    assert refused.value.code == "build.schema"


def test_rows_of_intervals_that_nobody_asked_for_are_dropped_and_counted(shop: Shop) -> None:
    """A transform with a lookback makes days around its own; they are other publications' to make."""
    shop.declare(transform=TRANSFORM + '\n    _also = takings\n    def takings(sales):\n'
                 '        made = _also(sales)\n        late = made.with_columns(pl.col("sold_on").dt.offset_by("1d"))\n'
                 '        return pl.concat([made, late])\n')  # fmt: skip
    shop.ingest()
    plan = build.plan(shop.ws, "takings", demand.parse(shop.ws, "takings", MON), "run")
    made = build.build(shop.ws, plan, [MON])
    assert (made.rows, made.outside) == ({MON: 1}, 1)
    assert shop.refresh(MON).outcomes == {MON: "published"}
    assert shop.gold() == {MON: (3, "30.00")}


def test_a_lookback_is_read_and_a_change_in_it_builds_again(shop: Shop) -> None:
    """Takings of two days running: Monday's late sale changes Tuesday's figure too."""
    transform = """\
    import polars as pl

    def takings(sales, lately):
        day = pl.col("sold_at").dt.convert_time_zone("Asia/Tashkent").dt.date()
        total = lately.select(pl.col("amount").sum().cast(pl.Decimal(18, 2))).collect().item()
        return sales.group_by(sold_on=day).agg(sold=pl.len().cast(pl.Int64), revenue=pl.lit(total, pl.Decimal(18, 2)))
"""
    product = with_input("lately", lookback="1d").replace(
        "inputs: sum(sales.amount)", "inputs: sum(sales.amount), tolerance: 1000"
    )
    shop.declare(product=product, transform=transform)
    shop.refresh(TUE)
    assert shop.gold() == {TUE: (2, "50.00")}
    shop.drop("late.csv", *day_of_sales(MON, [9], "5.00"))
    assert shop.refresh(TUE).outcomes == {TUE: "published"}
    assert shop.gold() == {TUE: (2, "55.00")}


def test_what_was_published_can_be_read_at_its_version_for_ever(shop: Shop) -> None:
    """An auditor asks what the dashboard showed that morning."""
    first = shop.refresh(MON).version
    shop.drop("late.csv", *day_of_sales(MON, [9], "5.00"))
    second = shop.refresh(MON).version
    assert (first, second) == (1, 2)
    revenue = [pl.read_delta(shop.ws.gold("takings").uri, version=v)["revenue"].to_list() for v in (1, 2)]
    assert [[str(r) for r in each] for each in revenue] == [["30.00"], ["35.00"]]


def test_everything_needed_to_explain_a_figure_stands_in_its_commit(shop: Shop) -> None:
    """Verdict, reason, inputs with their versions, contract, code and difference: without any other database."""
    shop.refresh(MON)
    shop.drop("late.csv", *day_of_sales(MON, [9], "5.00"))
    shop.refresh(MON, "tonight")
    newest = next(publications(shop.ws, "takings"))
    facts: dict[str, Any] = newest.facts
    assert (newest.run, newest.outcome, facts["verdict"], facts["rows"]) == ("tonight", "published", "passed", 1)
    assert facts["diff"]["metrics"] == {"revenue": ["30.00", "35.00"]}
    assert facts["inputs"]["sales"]["rows"] == 4
    assert newest.commit["versions"] == {"sales": shop.snapshot("silver").version}
    assert {c["id"] for c in facts["checks"]} >= {"G1", "G2", "C1"}
    assert newest.commit["actor"] == "tests"
    assert datetime.fromisoformat(newest.at) <= datetime.now(UTC)


def test_the_future_is_not_published(shop: Shop) -> None:
    """An interval that is not over would be published short."""
    with pytest.raises(SluiceError) as refused:
        shop.refresh("2026-06-01")
    assert "not over yet" in refused.value.what
