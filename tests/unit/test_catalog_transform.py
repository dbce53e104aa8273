"""transform.py: one pure function with exactly the inputs as its parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.catalog import load
from sluice.errors import Misconfigured
from tests.support import catalogs


def refusal(root: Path, transform: str) -> Misconfigured:
    catalogs.source(root)
    catalogs.product(root, transform=transform)
    with pytest.raises(Misconfigured) as caught:
        load(root).transform("sales")
    assert caught.value.code == "catalog.transform"
    assert caught.value.where.endswith("transform.py")
    return caught.value


@pytest.mark.parametrize(
    ("transform", "what", "remedy"),
    [
        ("def slaes(orders): ...\n", "no function called 'sales'", "did you mean 'slaes'?"),
        ("", "no function called 'sales'", "define `def sales(orders)`"),
        ("def sales(ordrs): ...\n", "'ordrs' is not an input", "did you mean 'orders'?"),
        ("def sales(): ...\n", "the input 'orders' is not a parameter", ""),
        ("def sales(orders, extra=1): ...\n", "'extra' is not an input", "orders"),
        ("def sales(*orders): ...\n", "must be taken by its name", ""),
        ("async def sales(orders): ...\n", "plain function", ""),
        ("def sales(orders: ...\n", "SyntaxError on line 1", ""),
        ("import polars\nimport plars\n", "ModuleNotFoundError on line 2", ""),
        ("from polars import col as sales\n", "no function called 'sales'", ""),
    ],
)
def test_a_transform_that_does_not_fit_is_refused_in_words(
    tmp_path: Path, transform: str, what: str, remedy: str
) -> None:
    """A parameter that nothing fills would be found out by the nightly run."""
    error = refusal(tmp_path, transform)
    assert what in error.what
    assert remedy in error.remedy


def test_a_missing_file_is_the_same_kind_of_mistake(tmp_path: Path) -> None:
    """The contract alone is half a product."""
    (catalogs.product(catalogs.whole(tmp_path)).parent / "transform.py").unlink()
    with pytest.raises(Misconfigured, match="cannot be read"):
        load(tmp_path).transform("sales")


def test_it_is_loaded_once_and_two_products_do_not_share_a_module(tmp_path: Path) -> None:
    """Every folder has a file of that name."""
    catalogs.whole(tmp_path)
    catalogs.product(tmp_path, "other")
    catalog = load(tmp_path)
    assert catalog.transform("sales") is catalog.transform("sales")
    assert catalog.transform("sales").__module__ != catalog.transform("other").__module__


def test_the_code_hash_follows_the_text_and_so_does_the_code(tmp_path: Path) -> None:
    """Two edits within a second gave the old code under Python's cache of compiled files."""
    path = catalogs.product(catalogs.whole(tmp_path)).parent / "transform.py"
    seen = set()
    for answer in (1, 2, 3):
        path.write_text(f"def sales(orders): return {answer}\n")
        catalog = load(tmp_path)
        seen.add(catalog.code_hash("sales"))
        assert catalog.transform("sales")(orders=None) == answer
    assert len(seen) == 3
    assert not (path.parent / "__pycache__").exists()
