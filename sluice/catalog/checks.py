"""What `sluice check` asks beyond "is the YAML valid": do rules, samples and transforms keep the contract?

Nothing here touches the lake or the network: frames are empty or a few sample rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sluice.catalog import Catalog, Problem, samples
from sluice.catalog.transform_checks import transform
from sluice.model.source import Csv, FilesSource, PostgresSource, SourceContract


def check(catalog: Catalog) -> list[Problem]:
    """Everything that is wrong with a catalog that loads."""
    return sorted({*sources(catalog), *products(catalog)})


def sources(catalog: Catalog) -> Iterator[Problem]:
    """Every rule means something, and every sample row passes or fails as its file's name says."""
    for name in catalog.sources:
        if wrong := list(rules(catalog, name)):
            yield from wrong
        else:
            yield from _samples(catalog, name)


def products(catalog: Catalog) -> Iterator[Problem]:
    """Every gate, sum and metric means something, and every transform keeps its contract."""
    for name in catalog.order():
        yield from rules(catalog, name)
        yield from transform(catalog, name)


def rules(catalog: Catalog, name: str) -> Iterator[Problem]:
    """Every expectation exists, its columns exist, its arguments fit."""
    from sluice.quality.checks import problems

    inputs = catalog.products[name].inputs if name in catalog.products else {}
    columns = {each: catalog.columns(at.source or at.product or "") for each, at in inputs.items()}
    for key, message in problems(catalog.contract(name), columns):
        yield catalog.problem(name, key, message)


def source_shape(source: SourceContract) -> samples.Shape:
    csv = source.csv if isinstance(source, FilesSource) else Csv()
    records = "" if isinstance(source, PostgresSource) else source.records
    return samples.Shape(source.columns, source.timezone, csv, records, own_names=True)


def _samples(catalog: Catalog, name: str) -> Iterator[Problem]:
    """Landed and refined in memory. Rows in `rejected*` must be rejected, all others must not."""
    folder = catalog.path_of(name) / "samples"
    found = samples.files(folder)
    if not found:
        yield Problem(str(folder), 1, 1, "", "the source has no sample", "put a response, a file or a few rows there")
    for path in found:
        try:
            rejected = _rejected(path, catalog.source(name))
        except samples.BadSample as error:
            yield error.problem(path)
            continue
        if not path.stem.startswith("rejected"):
            for line, why in rejected.items():
                hint = "mend the row, the rule, or move the row to samples/rejected.csv"
                yield Problem(str(path), line, 1, "", f"the row is rejected by {why}", hint)
        else:
            for line in samples.text(path, source_shape(catalog.source(name)))["_line"]:
                if line not in rejected:
                    yield Problem(str(path), line, 1, "", "no rule rejects this row", "add the rule that should")


def _rejected(path: Path, source: SourceContract) -> dict[int, str]:
    """Line -> the rules that set the row aside."""
    import polars as pl

    from sluice.quality.sieve import sieve

    landed: dict[str, Any] = {
        "_origin": pl.lit(path.name),
        "_problem": pl.lit(None, pl.String),
        "_raw": pl.lit(None, pl.String),
        "_batch": pl.lit("sample"),
        "_landed_at": pl.lit(datetime(2026, 1, 1, tzinfo=UTC)),
        "_event_on": pl.lit(date(2026, 1, 1)),
    }
    bronze = samples.text(path, source_shape(source)).with_columns(**landed)
    quarantine = sieve(bronze, source).quarantine
    return {line: ", ".join(reasons) for line, reasons in quarantine.select("_line", "_reasons").iter_rows()}
