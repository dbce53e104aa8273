"""Two processes at once: one interval is published once; two products that share sources both come out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from catalog.world.world import World
from tests.support.site import SLUICE, Result, Site

ROUNDS = 2


def both(site: Site, *commands: tuple[str, ...]) -> list[Result]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda command: site.run(*SLUICE, *command, "--json"), commands))


def test_of_two_runs_of_one_interval_exactly_one_publishes(site: Site, shop: World) -> None:
    """A double click must not publish twice; whoever comes second plans anew, and finds nothing new."""
    command = ("run", "daily_sales", "--for", "2026-05-01")
    for number in range(1, ROUNDS + 1):
        results = both(site, command, command)
        assert [result.code for result in results] == [0, 0], results
        outcomes = sorted(interval["outcome"] for r in results for interval in r.facts["intervals"])
        assert outcomes == ["published", "unchanged"]
        assert site.versions()["gold.daily_sales"] == number
        for source in ("store_orders", "till_files", "online_orders"):
            silver = site.rows("silver", source)
            key = site.workspace.catalog.source(source).key
            assert silver.height == silver.select(key).n_unique()
        shop.add_late_rows(shop.days[0])  # something new for the next round


def test_two_products_that_share_sources_succeed_at_the_same_time(site: Site) -> None:
    """Both land the same rows: the later one starts over from what the other has committed."""
    results = both(
        site, ("run", "daily_sales", "--for", "2026-05-02"), ("run", "region_inventory_risk", "--for", "2026-05-01")
    )
    assert [result.code for result in results] == [0, 0], results
    assert set(site.rows("gold", "daily_sales")["_interval"]) == {"2026-05-01", "2026-05-02"}
    assert set(site.rows("gold", "region_inventory_risk")["_interval"]) == {"2026-05-01"}
    bronze = site.rows("bronze", "store_orders")
    assert bronze.height == bronze.select("order_id", "updated_at").n_unique()
