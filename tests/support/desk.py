"""A small shop's pipeline and the commands that people ask about it, under one clock that the test moves.

desk = Desk(tmp_path, monkeypatch)
desk.sell("2026-05-04", 1, 2)          # a file lands
desk.at("2026-05-05 06:10").run("2026-05-04")
desk.ask("trust", "takings")           # facts of --json; desk.say(...) is what people read
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from sluice.cli.main import sluice
from sluice.errors import SluiceError
from sluice.steps import demand
from sluice.steps.outcomes import ingested, record_sources
from tests.support import pipeline
from tests.support.pipeline import PRODUCT, SOURCE, TRANSFORM, Shop, day_of_sales

ZONE = ZoneInfo("Asia/Tashkent")
TOTALS = """\
    product: totals
    title: Takings so far
    description: What the shop took on each day, for the owner.
    owners: {platform: shop, business: owner}
    tags: [gold]
    schedule: {cron: "30 6 * * *", timezone: Asia/Tashkent, start: 2026-05-04}
    inputs:
      takings: {product: takings}
    output:
      key: [sold_on]
      interval: sold_on
      columns:
        sold_on: {type: date, nullable: false}
        revenue: {type: "decimal(18,2)"}
    gate:
      - {id: G1, expect: expect_table_row_count_to_be_between, with: {min_value: 1}}
    freshness: {by: "08:00"}
    alerts: {route: shop}
"""
TOTALS_TRANSFORM = """\
    def totals(takings):
        return takings.select("sold_on", "revenue")
"""


class Desk:
    """`product` and `source` change the contracts; the day before `start` is nobody's."""

    def __init__(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, *, product: str = PRODUCT, source: str = SOURCE,
        transform: str = TRANSFORM, start: str = "2026-05-04",
    ) -> None:  # fmt: skip
        product = product.replace("start: 2026-05-01", f"start: {start}")
        self.shop = Shop(root, source=source, product=product, transform=transform)
        self.root, self.environment = root, monkeypatch
        monkeypatch.chdir(root)
        monkeypatch.setenv("SLUICE_LAKE", str(root / "lake"))
        monkeypatch.setenv("SLUICE_CATALOG", str(root / "catalog"))
        self.at("2026-05-05 06:10")

    def at(self, local: str) -> Desk:
        """Moves the clock to this time in the shop's zone."""
        self.shop.now = datetime.fromisoformat(local).replace(tzinfo=ZONE).astimezone(UTC)
        self.environment.setenv("SLUICE_NOW", self.shop.now.isoformat())
        return self

    def sell(self, day: str, *ids: int, amount: str = "10.00", name: str | None = None) -> Path:
        return self.shop.drop(name or f"{day}-{ids[0]}.csv", *day_of_sales(day, ids, amount))

    def ingest(self, run: str | None = None) -> None:
        """Lands and refines, and writes down what was refused on the way, as the flow does."""
        run = run or self.shop.run()
        landed, refined = pipeline.ingest(self.shop.ws, "sales", run)
        record_sources(self.shop.ws, run, [ingested("sales", landed.as_dict(), refined.as_dict(), None)], {})

    def run(self, text: str, product: str = "takings", *, ingesting: bool = True) -> None:
        run = self.shop.run()
        if ingesting:
            self.ingest(run)
        pipeline.refresh(self.shop.ws, product, demand.parse(self.shop.ws, product, text), run)

    def add_totals(self) -> None:
        """A second product, which reads the first."""
        folder = self.root / "catalog/products/totals"
        folder.mkdir(parents=True)
        (folder / "contract.yaml").write_text(dedent(TOTALS))
        (folder / "transform.py").write_text(dedent(TOTALS_TRANSFORM))

    def say(self, *args: str) -> Result:
        """What people read."""
        return CliRunner().invoke(sluice, list(args), catch_exceptions=False)

    def ask(self, *args: str, exit_code: int = 0) -> Any:
        """What machines read."""
        result = self.say(*args, "--json")
        assert result.exit_code == exit_code, result.output
        return json.loads(result.output)

    def refused(self, *args: str) -> SluiceError:
        with pytest.raises(SluiceError) as raised:
            CliRunner().invoke(sluice, list(args), catch_exceptions=False)
        return raised.value

    def states(self, product: str = "takings") -> dict[str, str]:
        found: Sequence[dict[str, Any]] = self.ask("status", product)["products"][product]
        return {each["interval"]: each["state"] for each in found}
