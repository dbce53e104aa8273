"""The shop's orders behind an API that can be told how to fail."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from catalog.world.world import World
from tests.support.api import Api, Fault, Handler
from tests.support.site import Site

PAGES = 4
QUICK = {"attempts": 4, "first": "50ms", "cap": "200ms"}


@dataclass
class Online:
    """TuranMart whose online orders come from `api`, in splits of one page each."""

    site: Site
    api: Api
    contract: Callable[..., Site]

    def change(self, **overrides: Any) -> None:
        self.contract("online_orders", **overrides)

    def pages(self) -> Counter[str]:
        """How often each page was asked for."""
        return Counter(request.query["page"] for request in self.api.requests)


def online_at(api: Api, shop: World, with_contract: Callable[..., Site]) -> Online:
    api.records = json.loads(shop.shop.page(None, 1, 1000)[1])
    paging = {"type": "page", "size": ceil(len(api.records) / PAGES), "total": "meta.total"}
    site = with_contract(
        "online_orders", path="/page", records="data.items", auth=None, retry=QUICK, splits={"pages": 1}, paging=paging
    )
    site.environment["SLUICE_CONNECTIONS__SHOP_API"] = api.url
    return Online(site, api, with_contract)


def on_page(number: int, fault: Fault) -> Fault:
    """A fault that only one page has."""

    def reply(handler: Handler, body: bytes) -> None:
        if f"page={number}&" in f"{handler.path}&":
            fault(handler, body)
        else:
            handler.send(200, body)

    return reply
