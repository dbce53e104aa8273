"""What these tests share: one Prefect server, and one small TuranMart of two good days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from catalog.world import story
from catalog.world.world import World
from tests.e2e.apis import Online, online_at
from tests.support.api import Api
from tests.support.prefect import Server, prefect_server
from tests.support.repository import ROOT
from tests.support.site import Site, open_folder

__all__ = ["prefect_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With xdist all of them go to one worker, as they share servers."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def shop() -> Iterator[World]:
    """Two days without a fault. Whoever changes something puts it back."""
    days = [story.FIRST, story.SECOND]
    with open_folder("sluice-world-") as folder, World.start(folder, days=days, orders_per_day=200) as world:
        yield world


@pytest.fixture
def site(prefect_server: Server, shop: World, tmp_path: Path) -> Site:
    """An empty lake beside the small shop."""
    settings = {"SLUICE_LAKE": str(tmp_path / "lake"), "SLUICE_CATALOG": str(ROOT / "catalog")}
    return Site(tmp_path, {**prefect_server.environment, **shop.environment, **settings})


@pytest.fixture
def with_contract(site: Site) -> Callable[..., Site]:
    """The same site with a catalog of its own, in which a source's contract says something else."""

    def change(source: str, **overrides: Any) -> Site:
        catalog = site.folder / "catalog"
        if not catalog.exists():
            copytree(ROOT / "catalog", catalog, ignore=lambda _, names: {"world", "__pycache__"} & set(names))
            site.environment["SLUICE_CATALOG"] = str(catalog)
        path = catalog / "sources" / source / "source.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | overrides, allow_unicode=True))
        return site

    return change


@pytest.fixture
def online(shop: World, with_contract: Callable[..., Site]) -> Iterator[Online]:
    with Api() as api:
        yield online_at(api, shop, with_contract)
