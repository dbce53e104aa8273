"""Errors by class, against a real API and a real database: what is tried again, what is not, and what is read twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import pytest

from catalog.world.world import World
from tests.support.api import Api, Fault, Handler, status
from tests.support.prefect import Server
from tests.support.site import Site, exported

QUICK = {"attempts": 4, "first": "50ms", "cap": "200ms"}
PAGES = 4


@pytest.fixture
def api(shop: World) -> Iterator[Api]:
    """The shop's orders behind a server that can be told how to fail."""
    with Api() as api:
        api.records = json.loads(shop.shop.page(None, 1, 1000)[1])
        yield api


@pytest.fixture
def online(with_contract: Callable[..., Site], api: Api) -> Site:
    """TuranMart whose online orders come from that server, in splits of one page each."""
    site = with_contract(
        "online_orders", path="/page", records="data.items", auth=None, retry=QUICK, splits={"pages": 1},
        limits={"concurrency": 4}, paging={"type": "page", "size": ceil(len(api.records) / PAGES), "total": "meta.total"},
    )  # fmt: skip
    site.environment["SLUICE_CONNECTIONS__SHOP_API"] = api.url
    return site


def pages(api: Api) -> Counter[str]:
    return Counter(request.query["page"] for request in api.requests)


def on_page(number: int, fault: Fault) -> Fault:
    """A fault that only one page has."""

    def reply(handler: Handler, body: bytes) -> None:
        if f"page={number}&" in f"{handler.path}&":
            fault(handler, body)
        else:
            handler.send(200, body)

    return reply


def test_an_outage_of_two_answers_is_sat_out(online: Site, api: Api) -> None:
    """Most outages last seconds: nobody should hear of them, and nobody should ask more often than needed."""
    api.then(status(503), status(503))
    result = online.sluice("ingest", "online_orders", "--json")
    assert result.code == 0
    (source,) = result.facts["sources"]
    assert source["landed"] == len(api.records)
    assert pages(api)["1"] == 2 + 1 + 1  # two refusals and an answer while planning, then the page itself
    assert all(count == 1 for page, count in pages(api).items() if page != "1")


def test_an_outage_that_stays_is_asked_as_often_as_the_contract_says(online: Site, api: Api) -> None:
    """Retries in two places multiply: a permanent refusal was once asked for 5,363 times."""
    api.every = status(503)
    result = online.sluice("ingest", "online_orders")
    assert result.code == 4
    assert "source.unreachable: answered 503" in result.err
    assert len(api.requests) == QUICK["attempts"]


def test_a_wrong_password_is_not_tried_twice_and_the_product_goes_out_without_the_shop(online: Site, api: Api) -> None:
    """An optional source must not hold the day back; a lock-out after many wrong passwords would."""
    api.every = status(401)
    result = online.sluice("run", "daily_sales", "--for", "2026-05-01", "--json")
    assert result.code == 0
    (interval,) = result.facts["intervals"]
    assert interval["outcome"] == "degraded"
    assert any("without online_orders" in caveat for caveat in interval["caveats"])
    assert len(api.requests) == 1
    (attempt,) = online.rows("attempts", "online_orders").to_dicts()
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


def test_a_flow_run_tried_again_does_not_read_its_finished_splits_again(
    online: Site, api: Api, prefect_server: Server
) -> None:
    """Page 3 of 4 fails for good: tried again, only page 3 is read; another flow run reads everything afresh."""
    api.every = on_page(3, status(400))
    flow_run = run_again(online, None)
    assert pages(api) == {"1": 2, "2": 1, "3": 1, "4": 1}
    api.requests.clear()
    api.every = None
    assert run_again(online, flow_run).state.is_completed()
    assert pages(api) == {"1": 1, "3": 1}  # page 1 for the plan
    assert online.rows("silver", "online_orders").height == len(api.records)
    api.requests.clear()
    online.environment["SLUICE_LAKE"] += "-other"
    assert run_again(online, None).state.is_completed()
    assert pages(api) == {"1": 2, "2": 1, "3": 1, "4": 1}
    assert online.rows("silver", "online_orders").height == len(api.records)


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
