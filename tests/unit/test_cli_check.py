"""`sluice check` says what is wrong, where, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluice.cli.check import check
from tests.support import catalogs

SAMPLE = "order_id,ordered_at,updated_at,total\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLUICE_CATALOG", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, list(arguments), catch_exceptions=False)


def transform(root: Path, body: str) -> None:
    catalogs.write(root / "products" / "sales" / "transform.py", "import polars as pl\n\n\n" + body)


def test_a_catalog_in_order_exits_0(root: Path) -> None:
    """The quiet case is what CI sees a thousand times."""
    catalogs.whole(root)
    result = run()
    assert result.exit_code == 0, result.output
    assert result.output == "1 source and 1 product are in order.\n"


def test_an_empty_catalog_says_how_to_begin(root: Path) -> None:
    """It is where every newcomer stands."""
    assert "sluice new source NAME" in run().output


def test_a_broken_contract_exits_6_with_place_and_remedy(root: Path) -> None:
    """Scripts go by the code, people by the sentence."""
    path = catalogs.source(root, text=catalogs.ORDERS.replace("owner:", "ownr:"))
    result = run()
    assert result.exit_code == 6
    assert f"{path}:3:1  ownr\n  unknown key 'ownr'\n  → did you mean 'owner'?" in result.output
    assert "2 things to mend" in result.output


def test_json_says_the_same_to_machines(root: Path) -> None:
    """An editor or a bot places the findings."""
    catalogs.source(root, text=catalogs.ORDERS.replace("owner:", "ownr:"))
    result = run("--json")
    assert result.exit_code == 6
    facts = json.loads(result.output)
    assert facts["ok"] is False
    assert {"line": 3, "key": "ownr"}.items() <= next(p for p in facts["problems"] if p["key"] == "ownr").items()


def test_a_rule_that_means_nothing_is_found(root: Path) -> None:
    """Great Expectations logs and drops a misspelt expectation: the gate would pass for ever."""
    catalogs.whole(root)
    catalogs.product(root, text=catalogs.SALES.replace("row_count_to_be_between", "row_cuont_to_be_between"))
    result = run()
    assert result.exit_code == 6
    assert "gate[0].expect" in result.output
    assert "expect_table_row_count_to_be_between" in result.output


def test_a_reconciliation_over_a_column_that_is_not_there_is_found(root: Path) -> None:
    """Otherwise the first to notice is the gate at six in the morning."""
    catalogs.whole(root)
    sums = '    reconcile: [{id: C1, gold: sum(revenue), inputs: "sum(orders.totl)"}]\n'
    catalogs.product(root, text=catalogs.SALES + sums)
    result = run()
    assert result.exit_code == 6
    assert "reconcile[0].inputs" in result.output
    assert "totl" in result.output


@pytest.mark.parametrize(
    ("row", "line", "says"),
    [
        ("1,2026-05-01T06:00:00Z,2026-05-01T06:00:00Z,ten\n", 2, "type:total"),
        ("1,2026-05-01T06:00:00Z,2026-05-01T06:00:00Z,-1\n", 2, "range:total"),
        ("1,2026-05-01T06:00:00Z,,1\n", 2, "null:updated_at"),
        ("1,2026-05-01T06:00:00Z,1\n", 2, "3 fields where the header has 4"),
    ],
)
def test_a_sample_row_that_the_contract_rejects_is_found(root: Path, row: str, line: int, says: str) -> None:
    """Sample rows go through the very refining that real rows go through."""
    catalogs.source(root, sample=SAMPLE + row)
    result = run()
    assert result.exit_code == 6, result.output
    assert f"rows.csv:{line}:1" in result.output
    assert says in result.output


def test_rows_in_rejected_must_be_rejected(root: Path) -> None:
    """A rule is proven by the row it stops."""
    catalogs.source(root)
    bad = "1,2026-05-01T06:00:00Z,2026-05-01T06:00:00Z,-1\n"
    path = catalogs.write(root / "sources" / "orders" / "samples" / "rejected.csv", SAMPLE + bad)
    assert run().exit_code == 0
    catalogs.write(path, SAMPLE + bad + "2,2026-05-01T06:00:00Z,2026-05-01T06:00:00Z,1\n")
    result = run()
    assert "rejected.csv:3:1\n  no rule rejects this row" in result.output


def test_a_source_without_a_sample_is_asked_for_one(root: Path) -> None:
    """A newcomer learns from the sentence what is missing."""
    (catalogs.source(root).parent / "samples" / "rows.csv").unlink()
    assert "the source has no sample" in run().output


def test_a_response_body_is_read_as_the_contract_says(root: Path) -> None:
    """Two real responses pasted into samples/ are the start of an HTTP source."""
    text = catalogs.ORDERS.replace("kind: postgres", "kind: http").replace("connection: orders_db", "records: d.rows")
    text = text.replace("relation: public.orders", "base_url: https://shop.example")
    folder = catalogs.source(root, text=text.replace("total:      {", "total: {from: money.total, ")).parent
    (folder / "samples" / "rows.csv").unlink()
    row = {"order_id": 1, "ordered_at": "2026-05-01T06:00:00Z", "updated_at": "2026-05-01T06:00:00Z"}
    body = {"d": {"rows": [{**row, "money": {"total": 1.25}}]}}
    sample = catalogs.write(folder / "samples" / "page.json", json.dumps(body))
    assert run().exit_code == 0
    catalogs.write(sample, json.dumps({"rows": []}))
    assert "there is no list of records at 'd.rows'" in run().output


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("def sales(orders):\n    return orders.select(no=pl.lit('such'))", "the result has no column 'sold_on'"),
        ("def sales(orders):\n    return orders.group_by('nope').agg()", "on empty inputs it raises ColumnNotFound"),
        ("def sales(orders):\n    return orders.collect()", "returns a DataFrame, not a LazyFrame"),
        ("def sales(orders):\n    return None", "returns a NoneType"),
        ("def sales(ordrs):\n    return ordrs", "'ordrs' is not an input of the contract"),
        (
            "def sales(orders):\n    day = pl.col('ordered_at').dt.date()\n"
            "    return orders.group_by(sold_on=day).agg(revenue=pl.col('total').sum())",
            "but the contract says decimal(18,2)",
        ),
        (
            "def sales(orders):\n    day = pl.col('ordered_at').dt.date()\n"
            "    return orders.group_by(sold_on=day).agg(revenue=pl.col('total').sum().cast(pl.Decimal(18, 2)))",
            "row 2026-05-01: revenue is 15.50, expected 10.00",
        ),
    ],
)
def test_a_transform_that_breaks_its_contract_is_found(root: Path, body: str, says: str) -> None:
    """The last one counts by UTC day where the contract means Tashkent's: only the samples show it."""
    catalogs.whole(root)
    transform(root, body)
    result = run()
    assert result.exit_code == 6
    assert says in result.output


def test_a_transform_must_do_without_its_optional_inputs(root: Path) -> None:
    """The first night without the shop's API is too late to find out."""
    catalogs.source(root)
    catalogs.source(root, "extra")
    text = catalogs.SALES.replace(
        "orders: {source: orders}", "orders: {source: orders}\n      extra: {source: extra, required: false}"
    )
    extra = catalogs.SALES_TRANSFORM.replace("sales(orders)", "sales(orders, extra)")
    catalogs.product(root, text=text, transform=extra.replace("return orders", "return pl.concat([orders, extra])"))
    result = run()
    assert "without extra it raises" in result.output
    assert "transform.py:6:1" in result.output


def test_a_missing_sample_of_an_input_is_found(root: Path) -> None:
    """A product without samples is proven by nothing but production."""
    catalogs.whole(root)
    (root / "products" / "sales" / "samples" / "orders.csv").rename(
        root / "products" / "sales" / "samples" / "ordrs.csv"
    )
    output = run().output
    assert "there is no input called 'ordrs'" in output
    assert "did you mean 'orders'?" in output
    assert "the sample is missing" in output
