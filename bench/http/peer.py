"""The same pages fetched and parsed by hand: httpx, eight at a time. No retries, no checks, no exact decimals.

python -m bench.http.peer {async,threads} {polars,orjson,msgspec} --base URL --pages 1000 --size 500
"""

from __future__ import annotations

import argparse
import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import orjson
import polars as pl

from bench.measure import Report

AT_ONCE = 8


class Order(msgspec.Struct):
    id: str
    placed_at: str
    region: str
    items: int
    total: float
    paid: bool
    customer: int
    note: str


class Body(msgspec.Struct):
    orders: list[Order]


_typed = msgspec.json.Decoder(Body)
_FIELDS = Order.__struct_fields__


def _polars(body: bytes) -> int:
    return pl.read_json(io.BytesIO(body)).select(pl.col("orders").explode()).unnest("orders").height


def _orjson(body: bytes) -> int:
    return pl.DataFrame(orjson.loads(body)["orders"]).height


def _msgspec(body: bytes) -> int:
    orders: list[Any] = _typed.decode(body).orders
    return pl.DataFrame({name: [getattr(each, name) for each in orders] for name in _FIELDS}).height


PARSERS = {"polars": _polars, "orjson": _orjson, "msgspec": _msgspec}


async def _async(urls: list[str], parse: Any) -> int:
    limits = httpx.Limits(max_connections=AT_ONCE)
    asked = iter(urls)

    async with httpx.AsyncClient(limits=limits) as client:

        async def take() -> int:
            return sum([parse((await client.get(url)).raise_for_status().content) for url in asked])

        return sum(await asyncio.gather(*(take() for _ in range(AT_ONCE))))


def _threads(urls: list[str], parse: Any) -> int:
    def take(some: list[str]) -> int:
        with httpx.Client() as client:
            return sum(parse(client.get(url).raise_for_status().content) for url in some)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(take, [urls[n::AT_ONCE] for n in range(AT_ONCE)]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["async", "threads"])
    parser.add_argument("parse", choices=list(PARSERS))
    parser.add_argument("--base", required=True)
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    options, report = parser.parse_args(), Report()
    urls = [f"{options.base}/v1/orders?page={n}&per_page={options.size}" for n in range(1, options.pages + 1)]
    parse = PARSERS[options.parse]
    with report.stage("frames") as cost:
        cost.rows = asyncio.run(_async(urls, parse)) if options.how == "async" else _threads(urls, parse)
    report.hand_back()


if __name__ == "__main__":
    main()
