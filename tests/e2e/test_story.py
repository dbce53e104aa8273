"""TuranMart's two days through the whole pipeline, with what stood in the lake before and after each command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from catalog.world import story
from catalog.world.faults import Declared
from catalog.world.world import World
from tests.support.prefect import Server
from tests.support.repository import ROOT
from tests.support.site import Result, Site, open_folder
from tests.support.world import PRODUCTS, golden, output_columns, turanmart

RUNS = ("first day", "refused", "mended", "again", "late rows", "revenue", "risk")


@dataclass
class Scene:
    """One `sluice run` of the story, and the lake around it."""

    result: Result
    before: dict[str, int]
    after: dict[str, int]
    gold_before: dict[str, bytes]
    gold_after: dict[str, bytes]
    trust: Result
    shown: dict[str, int]  # rows at the sources, counted there
    counted: dict[str, int]  # rows in, counted by refining


@dataclass
class Story:
    world: World
    site: Site
    scenes: dict[str, Scene] = field(default_factory=dict)


@pytest.fixture(scope="module")
def told(prefect_server: Server) -> Iterator[Story]:
    with open_folder("sluice-story-") as folder, story.begin(folder) as world:
        settings = {"SLUICE_LAKE": str(folder / "lake"), "SLUICE_CATALOG": str(ROOT / "catalog")}
        told = Story(world, Site(folder, {**prefect_server.environment, **settings}))
        names = iter(RUNS)
        for act in story.acts(world):
            if act.before:
                act.before()
            if act.args and act.args[0] == "run":
                told.site.environment |= world.environment
                told.scenes[next(names)] = played(world, told.site, act.args)
        yield told


def played(world: World, site: Site, args: tuple[str, ...]) -> Scene:
    before, gold = site.versions(), site.files("gold", "daily_sales")
    result = site.sluice(*args, "--json")
    trust = site.sluice("trust", "--json")
    shown = {source: sum(days.values()) for source, days in world.ledger().items()}
    return Scene(result, before, site.versions(), gold, site.files("gold", "daily_sales"), trust, shown, rows_in(site))


def rows_in(site: Site) -> dict[str, int]:
    """What refining has counted so far, by source."""
    return {source: sum(day["in"] for day in site.days(source).values()) for source in turanmart().sources}


def test_every_run_ends_as_the_story_says(told: Story) -> None:
    """Exit codes are the interface that schedulers and scripts act on."""
    codes = {name: scene.result.code for name, scene in told.scenes.items()}
    assert codes == dict.fromkeys(RUNS, 0) | {"refused": 3}


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("day", [story.FIRST, story.SECOND])
def test_published_numbers_are_the_golden_ones_to_the_cent(told: Story, product: str, day: date) -> None:
    """The golden files were worked out from the truth, without this pipeline's transforms."""
    contract = turanmart().product(product)
    published = told.site.rows("gold", product).filter(pl.col("_interval") == str(day))
    columns = list(output_columns(product))
    key = contract.output.key
    assert published.select(columns).sort(key).equals(golden(product, day).select(columns).sort(key))


def test_a_second_run_changes_nothing_and_says_so(told: Story) -> None:
    """Retries, double clicks and overlapping schedules must be harmless: no row, no version, no file."""
    again = told.scenes["again"]
    assert again.after == again.before
    assert again.gold_after == again.gold_before
    assert [each["outcome"] for each in again.result.facts["intervals"]] == ["unchanged"]


def test_a_refusal_leaves_gold_byte_for_byte_as_it_was(told: Story) -> None:
    """Readers keep the previous version: not one file may differ."""
    refused = told.scenes["refused"]
    assert refused.after["gold.daily_sales"] == refused.before["gold.daily_sales"]
    assert refused.gold_after == refused.gold_before
    (interval,) = refused.result.facts["intervals"]
    assert interval["outcome"] == "refused"
    assert refused.result.facts["error"]["disposition"] == "refused"


def test_a_refusal_is_a_named_state_with_a_report_that_reads_well(told: Story, prefect_server: Server) -> None:
    """An automation must tell a refusal from a crash, and the person it wakes must see why."""
    run = prefect_server.flow_run(told.scenes["refused"].result.facts["run"])
    assert (run.state.name, run.state.type.value) == ("Refused", "FAILED")
    assert "C2" in run.state.message
    markdown = prefect_server.artifact_of(run, "verdict-daily-sales")
    assert "**refused**: readers keep the previous version" in markdown
    assert "| C2" in markdown
    assert "**failed**" in markdown
    assert prefect_server.flow_run(told.scenes["mended"].result.facts["run"]).state.name == "Completed"


def test_trust_says_no_why_and_what_readers_see(told: Story) -> None:
    """The question that the whole product answers, on its worst day."""
    trust = told.scenes["refused"].trust
    assert (trust.code, trust.facts["answer"]) == (3, "no")
    sales = next(each for each in trust.facts["products"] if each["product"] == "daily_sales")
    assert (sales["interval"], sales["state"], sales["code"]) == (str(story.SECOND), "refused", "gate.refused")
    assert "C2 expected a difference of at most 0.01" in sales["reasons"][0]
    assert (sales["readers"]["interval"], sales["readers"]["version"]) == (str(story.FIRST), 1)
    assert sales["sentence"].startswith("No. daily_sales 2026-05-02 was refused (gate.refused). Readers see 2026-05-01")


def test_every_declared_fault_is_in_quarantine_with_rule_and_place(told: Story) -> None:
    """A rejected row that nobody can find again is a lost row."""
    declared = [each for each in told.world.declared if each.outcome == "quarantined"]
    quarantine = {name: told.site.rows("quarantine", name) for name in {each.source for each in declared}}
    assert [each for each in declared if not _is_there(each, quarantine[each.source])] == []
    counts = Counter(each.source for each in declared)
    assert {name: frame.height for name, frame in quarantine.items()} == counts


def test_rows_in_are_rows_out_for_every_source_and_day(told: Story) -> None:
    """Silver, quarantine and what was superseded are all there is: nothing is lost on the way, nothing doubled."""
    for source in turanmart().sources:
        for count in told.site.days(source).values():
            assert count["in"] == count["silver"] + count["quarantined"] + count["superseded"]
        silver = sum(count["silver"] for count in told.site.days(source).values())
        assert silver == told.site.rows("silver", source).height


@pytest.mark.parametrize("scene", ["first day", "refused"])
def test_rows_in_are_the_rows_that_the_sources_show(told: Story, scene: str) -> None:
    """Counted at the sources, not by the pipeline. Inventory is not asked: no product of these runs reads it."""
    at = told.scenes[scene]
    assert {**at.counted, "inventory": 0} == {**at.shown, "inventory": 0}


def test_rewritten_rows_come_in_again_and_supersede_the_former(told: Story) -> None:
    """The mended export wrote many rows a second time: each is in twice, and once in silver."""
    wrong, mended = (told.scenes[name].counted["store_orders"] for name in ("refused", "mended"))
    newest = told.site.days("store_orders")[str(story.SECOND)]
    assert mended - wrong == newest["superseded"] > 0
    assert newest["in"] - newest["superseded"] == told.world.ledger()["store_orders"][story.SECOND]


def _is_there(declared: Declared, rows: pl.DataFrame) -> bool:
    found = rows.filter(pl.col("_reasons").list.contains(declared.reason))
    if declared.key is not None:
        found = found.filter(pl.col(turanmart().source(declared.source).key[0]).cast(pl.String) == declared.key)
    if declared.line is not None:
        found = found.filter(pl.col("_line") == declared.line)
    return found.filter(pl.col("_origin").str.contains(Path(declared.origin or "").name, literal=True)).height > 0
