"""A worker looks at where it is before it does anything: another lake, catalog or code is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.errors import Misconfigured
from sluice.settings import Settings
from tasks._elsewhere import Home, home, refuse_another
from tests.support import catalogs
from tests.support.site import exported


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[Home]:
    """A flow's home, in whose environment the test goes on."""
    catalogs.whole(tmp_path / "catalog")
    with exported({"SLUICE_LAKE": str(tmp_path / "lake"), "SLUICE_CATALOG": str(tmp_path / "catalog")}):
        yield home()


def test_who_shares_lake_catalog_and_code_may_work(at_home: Home) -> None:
    """Most workers, most of the time."""
    refuse_another(at_home)


def test_a_lake_of_the_same_name_on_another_disk_is_refused(at_home: Home, tmp_path: Path) -> None:
    """Its address is equal; what lies in it is not."""
    (tmp_path / "lake").rename(tmp_path / "unmounted")
    with pytest.raises(Misconfigured, match="has another lake"):
        refuse_another(at_home)
    (tmp_path / "unmounted").rename(tmp_path / "lake")
    refuse_another(at_home)  # a refusal is not remembered: somebody may have mended it


@pytest.mark.parametrize("edited", ["sources/orders/source.yaml", "products/sales/transform.py"])
def test_an_edited_catalog_is_refused(at_home: Home, tmp_path: Path, edited: str) -> None:
    """Rows of one run must not be made by two versions of a contract or a transform."""
    path = tmp_path / "catalog" / edited
    path.write_text(path.read_text().replace("min: 0", "min: 1") + "\n# edited\n")
    with pytest.raises(Misconfigured, match="has another catalog"):
        refuse_another(at_home)


def test_another_code_is_refused_before_anything_is_read(at_home: Home) -> None:
    """A worker that was started before an upgrade would land by the old rules."""
    with pytest.raises(Misconfigured, match="has another code") as refused:
        refuse_another(replace(at_home, code="older", sign="none"))
    assert refused.value.code == "workers.differ"


def test_no_address_and_no_secret_travels_with_a_task(at_home: Home) -> None:
    """A scheduler has no password: whoever reaches it could read them."""
    travelling = {name for name, _ in at_home.settings}
    assert travelling.isdisjoint({"connections", "secrets", "storage", "lake", "catalog"})
    assert travelling < Settings.model_fields.keys()
