"""Errors by class, against a real API and a real database: what is tried again, what is not, and what is read twice."""

from __future__ import annotations

from typing import Any

from catalog.world.world import World
from tasks import land
from tests.e2e.apis import QUICK, Online, on_page
from tests.support.api import status
from tests.support.prefect import Server
from tests.support.site import Site, exported


def test_an_outage_of_two_answers_is_sat_out(online: Online) -> None:
    """Most outages last seconds: nobody should hear of them, and nobody should ask more often than needed."""
    online.api.then(status(503), status(503))
    result = online.site.sluice("ingest", "online_orders", "--json")
    assert result.code == 0
    (source,) = result.facts["sources"]
    assert source["landed"] == len(online.api.records)
    assert online.pages()["1"] == 2 + 1 + 1  # two refusals and an answer while planning, then the page itself
    assert all(count == 1 for page, count in online.pages().items() if page != "1")


def test_an_outage_that_stays_is_asked_as_often_as_the_contract_says(online: Online) -> None:
    """Retries in two places multiply: a permanent refusal was once asked for 5,363 times."""
    online.api.every = status(503)
    result = online.site.sluice("ingest", "online_orders")
    assert result.code == 4
    assert "source.unreachable: answered 503" in result.err
    assert len(online.api.requests) == QUICK["attempts"]


def test_a_wrong_password_is_not_tried_twice_and_the_product_goes_out_without_the_shop(online: Online) -> None:
    """An optional source must not hold the day back; a lock-out after many wrong passwords would."""
    online.api.every = status(401)
    result = online.site.sluice("run", "daily_sales", "--for", "2026-05-01", "--json")
    assert result.code == 0
    (interval,) = result.facts["intervals"]
    assert interval["outcome"] == "degraded"
    assert any("without online_orders" in caveat for caveat in interval["caveats"])
    assert len(online.api.requests) == 1
    (attempt,) = online.site.rows("attempts", "online_orders").to_dicts()
    assert (attempt["code"], attempt["disposition"]) == ("source.unauthorised", "broken")


def test_a_required_source_without_a_promised_column_stops_the_product_and_nothing_else(
    site: Site, shop: World
) -> None:
    """Gold stays, the other sources have landed, and the lake itself knows why there is no new number."""
    assert site.sluice("run", "daily_sales", "--for", "2026-05-01").code == 0
    gold = site.files("gold", "daily_sales")
    with shop.database.cursor() as cursor:
        cursor.execute("ALTER TABLE public.orders RENAME COLUMN order_total TO grand_total")
    try:
        shop.add_late_rows(shop.days[0], 2, "online_orders")
        before = site.versions()
        result = site.sluice("run", "daily_sales", "--for", "2026-05-01", "--json")
    finally:
        with shop.database.cursor() as cursor:
            cursor.execute("ALTER TABLE public.orders RENAME COLUMN grand_total TO order_total")
    assert result.code == 5
    (interval,) = result.facts["intervals"]
    assert interval["outcome"] == "failed"
    assert "order_total" in interval["why"]
    assert site.files("gold", "daily_sales") == gold
    assert site.versions()["silver.online_orders"] > before["silver.online_orders"]
    for subject in ("store_orders", "daily_sales"):
        assert site.rows("attempts", subject)["code"].to_list() == ["contract.missing_column"]


def test_a_flow_run_tried_again_does_not_read_its_finished_splits_again(online: Online, prefect_server: Server) -> None:
    """Page 3 of 4 fails for good: tried again, only page 3 is read; another flow run reads everything afresh."""
    online.api.every = on_page(3, status(400))
    flow_run = run_again(online.site, None)
    assert online.pages() == {"1": 2, "2": 1, "3": 1, "4": 1}
    online.api.requests.clear()
    online.api.every = None
    assert run_again(online.site, flow_run).state.is_completed()
    assert online.pages() == {"1": 1, "3": 1}  # page 1 for the plan
    assert online.site.rows("silver", "online_orders").height == len(online.api.records)
    online.api.requests.clear()
    online.site.environment["SLUICE_LAKE"] += "-other"
    assert run_again(online.site, None).state.is_completed()
    assert online.pages() == {"1": 2, "2": 1, "3": 1, "4": 1}
    assert online.site.rows("silver", "online_orders").height == len(online.api.records)


def test_a_split_that_fails_costs_no_other_where_many_share_a_task(online: Online) -> None:
    """A thousand splits are not a thousand tasks; and yet each is read once, whatever becomes of its neighbours."""
    records = len(online.api.records)
    online.change(paging={"type": "page", "size": 1, "total": "meta.total"})
    assert records > land.TASKS
    online.api.every = on_page(4, status(400))
    flow_run = run_again(online.site, None)
    assert online.pages() == {str(page + 1): 1 for page in range(records)} | {"1": 2}
    online.api.requests.clear()
    online.api.every = None
    assert run_again(online.site, flow_run).state.is_completed()
    assert online.pages() == {"1": 1, "4": 1}
    assert online.site.rows("silver", "online_orders").height == records


def run_again(site: Site, flow_run: Any) -> Any:
    """A flow run started, or one that failed started once more, as an orchestrator's worker does it."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    from prefect.states import AwaitingRetry

    with exported(site.environment), get_client(sync_client=True) as client:
        from flows.ingest import ingest

        parameters = {"sources": ["online_orders"]}
        if flow_run is None:
            flow_run = client.create_flow_run(ingest, parameters=parameters)
        else:
            client.set_flow_run_state(flow_run.id, AwaitingRetry(), force=True)
            flow_run = client.read_flow_run(flow_run.id)
        run_flow(ingest, flow_run=flow_run, parameters=parameters, return_type="state")
        return client.read_flow_run(flow_run.id)
