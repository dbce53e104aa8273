"""What `sluice check` asks beyond "is the YAML valid": do samples, rules and transforms keep the contract?

Every check is a generator of problems over one catalog; `CHECKS` is the whole list. Nothing here touches the lake or
the network: frames are empty or a few sample rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sluice.catalog import Catalog, Problem, samples
from sluice.catalog.transform_checks import transforms
from sluice.model.source import Csv, FilesSource, PostgresSource, SourceContract


def rules(catalog: Catalog) -> Iterator[Problem]:
    """Every rule compiles: its expectation exists, its columns exist, its arguments fit."""
    from sluice.quality.rules import problems

    for name in catalog.documents:
        for key, message in problems(catalog.contract(name)):
            yield catalog.problem(name, tuple(int(p) if p.isdigit() else p for p in key.split(".")), message)


def source_samples(catalog: Catalog) -> Iterator[Problem]:
    """Every row of a source's samples can be read by its contract."""
    for name, source in catalog.sources.items():
        folder = catalog.path_of(name) / "samples"
        found = samples.files(folder)
        if not found:
            hint = "put a response, a file or a few rows there"
            yield Problem(str(folder), 1, 1, "", "the source has no sample", hint)
        for path in found:
            try:
                samples.typed(path, source_shape(source))
            except samples.BadSample as error:
                yield error.problem(path)


CHECKS: tuple[Callable[[Catalog], Iterator[Problem]], ...] = (rules, source_samples, transforms)


def check(catalog: Catalog) -> list[Problem]:
    """Everything that is wrong with a catalog that loads."""
    return sorted({problem for each in CHECKS for problem in each(catalog)})


def source_shape(source: SourceContract) -> samples.Shape:
    csv = source.csv if isinstance(source, FilesSource) else Csv()
    records = "" if isinstance(source, PostgresSource) else source.records
    return samples.Shape(source.columns, source.timezone, csv, records, own_names=True)
