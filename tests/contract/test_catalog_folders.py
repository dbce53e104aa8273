"""Every source and product is tested by existing: a new folder is checked here without being named anywhere."""

from __future__ import annotations

import pytest

from sluice.catalog import Catalog, load
from sluice.catalog.checks import check
from tests.support.repository import ROOT


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(ROOT / "catalog")


def test_the_catalog_is_in_order(catalog: Catalog) -> None:
    """The same sentences that `sluice check` says."""
    assert [str(problem) for problem in check(catalog)] == []


def test_every_source_says_whom_to_ask_and_every_product_what_to_do(catalog: Catalog) -> None:
    """At seven in the morning the folder is all there is."""
    wanted = {**dict.fromkeys(catalog.sources, "README.md"), **dict.fromkeys(catalog.products, "runbook.md")}
    missing = [f"{name}/{file}" for name, file in wanted.items() if not (catalog.path_of(name) / file).is_file()]
    assert missing == []
