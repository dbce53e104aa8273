"""The catalog as a whole: everything wrong is told at once, and what is right becomes a graph."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sluice.catalog import load
from sluice.errors import Misconfigured
from tests.support import catalogs


def problems(root: Path) -> list[dict[str, Any]]:
    with pytest.raises(Misconfigured) as caught:
        load(root)
    assert caught.value.code == "catalog.invalid"
    found: list[dict[str, Any]] = caught.value.facts["problems"]
    return found


def only(root: Path) -> dict[str, Any]:
    (problem,) = problems(root)
    return problem


def reading(name: str) -> str:
    return catalogs.SALES.replace("orders: {source: orders}", f"orders: {{product: {name}}}")


def test_finds_every_folder_without_registration(tmp_path: Path) -> None:
    """Adding a source touches only its own folder."""
    catalog = load(catalogs.whole(tmp_path))
    assert list(catalog.sources) == ["orders"]
    assert list(catalog.products) == ["sales"]
    assert catalog.path_of("orders") == tmp_path / "sources" / "orders"
    assert catalog.source("orders").owner == "data-platform"


def test_a_decimal_bound_is_exact(tmp_path: Path) -> None:
    """0.1 as a double is not 0.1, and a decimal column can tell."""
    catalogs.source(tmp_path, text=catalogs.ORDERS.replace("min: 0}", "min: 0.10, max: 99999999.99}"))
    total = load(tmp_path).source("orders").columns["total"]
    assert (total.min, total.max) == (Decimal("0.10"), Decimal("99999999.99"))


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "message", "hint"),
    [
        ("owner:", "ownr:", "ownr", 3, "unknown key 'ownr'", "did you mean 'owner'?"),
        ("type: int64", "type: int46", "columns.order_id.type", 12, "unknown type 'int46'; did you mean 'int64'?", ""),
        ("kind: postgres", "kind: postgre", "kind", 4, "'kind' cannot be 'postgre'", "did you mean 'postgres'?"),
        ("mode: cursor", "mode: curser", "position.mode", 7, "'mode' cannot be 'curser'", "did you mean 'cursor'?"),
        ("key: [order_id]", "key: [ordr_id]", "key", 10, "key names 'ordr_id'", "did you mean 'order_id'?"),
        ("owner: data-platform", "owner: 1.10", "owner", 3, "'owner' must be text", "write it in quotes"),
        ("nullable: false", "nullable: perhaps", "columns.order_id.nullable", 12, "must be true or false", ""),
        (
            "nullable: false",
            "nulable: no",
            "columns.order_id.nulable",
            12,
            "unknown key 'nulable'",
            "did you mean 'nullable'?",
        ),
        ("timezone: Asia/Tashkent", "timezone: Asia/Taskent", "timezone", 9, "unknown time zone", ""),
        ("key: [order_id]", "retry: {attempts: 0}", "retry.attempts", 10, "must be at least 1", ""),
        ("key: [order_id]", "retry: {first: soon}", "retry.first", 10, "a duration like 30s", ""),
        ("key: [order_id]", "unknown_columns: kep", "unknown_columns", 10, "cannot be 'kep'", "did you mean 'keep'?"),
        ("order_id:   {", "OrderId: {", "columns.OrderId", 12, "does not have the right form", "Lower-case letters"),
        ("relation: public.orders", "query: x\n    relation: y", "", 1, "either relation or query", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_nearest_word(
    tmp_path: Path, old: str, new: str, key: str, line: int, message: str, hint: str
) -> None:
    """The reader of a message mends the file without opening our code."""
    path = catalogs.source(tmp_path, text=catalogs.ORDERS.replace(old, new, 1))
    problem = next(p for p in problems(tmp_path) if message in p["message"])
    assert problem["file"] == str(path)
    assert (problem["key"], problem["line"]) == (key, line)
    assert hint in problem["hint"]


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    """The commonest mistake of all."""
    catalogs.source(tmp_path, text=catalogs.ORDERS.replace("    owner: data-platform\n", ""))
    assert only(tmp_path)["message"] == "'owner' is missing"


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    """One error per run makes a new contract a day's work."""
    catalogs.source(tmp_path, text=catalogs.ORDERS.replace("owner:", "ownr:").replace("int64", "int46"))
    catalogs.source(tmp_path, "twice", catalogs.ORDERS + "    owner: x\n")
    catalogs.product(tmp_path, text=catalogs.SALES.replace("orders: {source: orders}", "orders: {source: ordrs}"))
    (tmp_path / "sources" / "hollow").mkdir()
    found = [p["message"] for p in problems(tmp_path)]
    assert len(found) == 6
    assert "there is no source called 'ordrs'" in found
    assert "the file is missing" in found


def test_the_folder_and_the_contract_have_one_name(tmp_path: Path) -> None:
    """A copied folder that still says its old name would write into the other one's table."""
    catalogs.source(tmp_path)
    path = catalogs.write(tmp_path / "sources" / "copies" / "source.yaml", catalogs.ORDERS)
    problem = only(tmp_path)
    assert problem["file"] == str(path)
    assert "called 'orders' but its folder 'copies'" in problem["message"]


def test_a_source_and_a_product_cannot_share_a_name(tmp_path: Path) -> None:
    """`sluice status orders` must mean one thing."""
    catalogs.source(tmp_path)
    catalogs.product(tmp_path, "orders", catalogs.SALES.replace("product: sales", "product: orders"))
    assert "already" in only(tmp_path)["message"]


def test_an_unknown_input_is_told_once_and_not_for_a_source_that_is_itself_broken(tmp_path: Path) -> None:
    """Consequences of a mistake are noise."""
    catalogs.source(tmp_path, text="ownr: x\nownr: y\n")
    catalogs.product(tmp_path)
    assert only(tmp_path)["message"].startswith("'ownr' stands twice")


def test_a_circle_of_products_is_refused_and_named(tmp_path: Path) -> None:
    """Each would wake the other for ever."""
    for name, reads in (("first", "second"), ("second", "third"), ("third", "first")):
        catalogs.product(tmp_path, name, reading(reads))
    with pytest.raises(Misconfigured, match="in a circle") as caught:
        load(tmp_path)
    assert caught.value.code == "catalog.cycle"
    circle = caught.value.what.split(": ")[1].split(" → ")
    pairs = list(pairwise(circle))
    assert set(pairs) == {("first", "second"), ("second", "third"), ("third", "first")}


def test_upstream_comes_first(tmp_path: Path) -> None:
    """A product built before what it reads is built from yesterday."""
    catalogs.whole(tmp_path)
    catalogs.product(tmp_path, "board", reading("revenue"))
    catalogs.product(tmp_path, "revenue", reading("sales"))
    catalog = load(tmp_path)
    assert catalog.order() == ["sales", "revenue", "board"]
    assert catalog.order(["board", "sales"]) == ["sales", "board"]
    assert catalog.products_of("board") == ["sales", "revenue"]
    assert catalog.sources_of("board") == ["orders"]
    assert catalog.readers_of("sales") == ["revenue"]
    assert catalog.readers_of("orders") == ["sales"]


@pytest.mark.parametrize(("word", "hint"), [("sale", "did you mean 'sales'?"), ("zzz", "known: sales")])
def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path, word: str, hint: str) -> None:
    """People type names on the command line."""
    with pytest.raises(Misconfigured) as caught:
        load(catalogs.whole(tmp_path)).product(word)
    assert (caught.value.code, caught.value.remedy) == ("catalog.unknown", hint)


def test_a_catalog_that_is_not_there_is_no_empty_catalog(tmp_path: Path) -> None:
    """A mistyped SLUICE_CATALOG must not look like a service with nothing to do."""
    with pytest.raises(Misconfigured, match="does not exist"):
        load(tmp_path / "catalgo")


def test_hidden_and_private_folders_are_no_contracts(tmp_path: Path) -> None:
    """Editors and caches leave folders behind."""
    catalogs.whole(tmp_path)
    for name in (".idea", "__pycache__", "_draft"):
        (tmp_path / "products" / name).mkdir()
    assert list(load(tmp_path).products) == ["sales"]
