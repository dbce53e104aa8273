"""`sluice new` writes folders that are in order at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluice.cli.check import check
from sluice.cli.new import new


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLUICE_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "catalog"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(new, list(arguments), catch_exceptions=False)


def in_order() -> str:
    result = CliRunner().invoke(check, [], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("kind", ["http", "postgres", "files"])
def test_a_new_source_is_in_order_at_once(root: Path, kind: str) -> None:
    """A template that has to be repaired first teaches nothing."""
    result = run("source", "port_weather", "--kind", kind)
    assert result.exit_code == 0, result.output
    assert f"{root / 'sources' / 'port_weather' / 'source.yaml'}" in result.output
    assert (root / "sources" / "port_weather" / "README.md").read_text().startswith("# port_weather\n")
    assert in_order() == "1 source and 0 products are in order.\n"


def test_a_new_product_is_in_order_at_once(root: Path) -> None:
    """Over several sources, and over another product."""
    for kind in ("http", "postgres", "files"):
        run("source", f"{kind}_rows", "--kind", kind)
    assert run("product", "all_rows", "--reads", "http_rows, postgres_rows,files_rows").exit_code == 0
    assert run("product", "row_trend", "--reads", "all_rows").exit_code == 0
    assert in_order() == "3 sources and 2 products are in order.\n"
    folder = root / "products" / "all_rows"
    assert {path.name for path in folder.iterdir()} == {"contract.yaml", "transform.py", "runbook.md", "samples"}
    assert "2026-05-01,6" in (folder / "samples" / "expected.csv").read_text()


def test_a_product_reads_the_first_source_when_none_is_named(root: Path) -> None:
    """The shortest way to something that runs."""
    run("source", "ships")
    assert run("product", "port_delays").exit_code == 0
    assert "ships: {source: ships}" in (root / "products" / "port_delays" / "contract.yaml").read_text()


def test_an_input_without_an_event_time_is_read_as_a_snapshot(root: Path) -> None:
    """A list of stores has no day; something else must say when."""
    for name in ("ships", "ports"):
        run("source", name)
    path = root / "sources" / "ports" / "source.yaml"
    text = re.sub(r"position: \{.*\}", "position: {mode: full}", path.read_text())
    path.write_text(text.replace("event_time: measured_at", "#"))
    assert run("product", "port_delays", "--reads", "ports,ships").exit_code == 0
    assert "ports: {source: ports, as_of: latest}" in (root / "products" / "port_delays" / "contract.yaml").read_text()
    in_order()
    result = run("product", "nothing", "--reads", "ports")
    assert result.exit_code == 2
    assert "one input that says when" in result.output
    assert not (root / "products" / "nothing").exists()


def test_nothing_is_overwritten(root: Path) -> None:
    """A second call must not cost an afternoon's work."""
    run("source", "ships")
    path = root / "sources" / "ships" / "source.yaml"
    path.write_text("mine")
    result = run("source", "ships")
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert "exists already; nothing was written" in result.output
    assert run("product", "ships").exit_code == 2


@pytest.mark.parametrize("name", ["Ships", "../ships", "ships-2", "", "2ships", "x" * 64, "ships\n"])
def test_a_name_that_cannot_be_a_table_is_refused(root: Path, name: str) -> None:
    """It becomes a folder, a table and a Python name."""
    result = run("source", name)
    assert result.exit_code == 2
    assert not root.exists()


def test_a_product_without_anything_to_read_says_how_to_begin(root: Path) -> None:
    """An empty catalog is where everybody starts."""
    root.mkdir()
    result = run("product", "port_delays")
    assert result.exit_code == 2
    assert "begin with `sluice new source NAME`" in result.output


def test_a_sample_that_does_not_fit_is_told_before_anything_is_written(root: Path) -> None:
    """Half a folder would be refused by the next call."""
    run("source", "ships", "--kind", "postgres")
    sample = root / "sources" / "ships" / "samples" / "rows.csv"
    sample.write_text(sample.read_text().replace("12.50", "a lot"))
    result = run("product", "port_delays")
    assert result.exit_code == 2
    assert "'a lot' is not a decimal(12,2)" in result.output
    assert not (root / "products").exists()
