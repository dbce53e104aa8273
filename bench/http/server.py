"""Pages of JSON from memory, as fast as Python sends them: a process of its own, which no figure counts.

python -m bench.http.server --pages 1000 --size 500      (prints its port, ends with its standard input)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
from datetime import datetime, timedelta

_ASKED = re.compile(rb"GET /v1/orders\?(?:[^ ]*&)?page=(\d+)")
_BEGINNING = datetime(2026, 5, 1)


def bodies(pages: int, size: int) -> list[bytes]:
    """Answers, whole: the same for every start."""
    chance, found = random.Random(7), []
    for page in range(pages):
        orders = []
        for number in range(page * size, (page + 1) * size):
            at = _BEGINNING + timedelta(microseconds=number * 172_801)
            orders.append({
                "id": f"W-{number:09d}", "placed_at": f"{at.isoformat(timespec='microseconds')}Z",
                "region": chance.choice(["tashkent", "samarkand", "fergana"]), "items": chance.randint(1, 9),
                "total": chance.randint(100, 20_000_000) / 100, "paid": chance.random() < 0.9,
                "customer": chance.randint(1, 10**6), "note": f"leave at door {chance.randint(1, 400)}",
            })  # fmt: skip
        body = json.dumps({"total": pages * size, "orders": orders}, separators=(",", ":")).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        found.append(head.encode() + body)
    return found


class Api(asyncio.Protocol):
    def __init__(self, answers: list[bytes]) -> None:
        self.answers, self.pending = answers, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            asked, self.pending = _ASKED.match(self.pending), self.pending[end + 4 :]
            number = int(asked[1]) if asked else 0
            missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(self.answers[number - 1] if 1 <= number <= len(self.answers) else missing)


async def _serve(answers: list[bytes]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Api(answers), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(_serve(bodies(options.pages, options.size)))
