"""Does a product's transform keep its contract: on no rows, without its optional inputs, and on its samples?"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.catalog import Catalog, Problem, samples
from sluice.catalog.problems import nearest
from sluice.errors import Misconfigured
from sluice.model.contract import Column
from sluice.model.product import ProductContract

if TYPE_CHECKING:
    import polars as pl

Frames = dict[str, "pl.DataFrame | None"]


def transform(catalog: Catalog, name: str) -> Iterator[Problem]:
    """On empty inputs, without the optional ones, and on the sample rows."""
    product = catalog.product(name)
    path = catalog.path_of(name) / "transform.py"
    try:
        function = catalog.transform(name)
    except Misconfigured as error:
        yield Problem(str(path), error.facts["line"], 1, "", error.what, error.remedy)
        return
    shapes = {each: input_shape(catalog, product, each) for each in product.inputs}
    for frames, occasion in _occasions(product, {each: samples.empty(shape) for each, shape in shapes.items()}):
        result = _run(function, frames, path, occasion)
        wrong = [result] if isinstance(result, Problem) else list(_schema(catalog, product, result, occasion))
        if wrong:  # the samples would say the same again
            yield from wrong
            return
    yield from _sample_run(catalog, product, function, shapes)


def input_shape(catalog: Catalog, product: ProductContract, name: str) -> samples.Shape:
    each = product.inputs[name]
    if each.source:
        source = catalog.source(each.source)
        return samples.Shape(source.columns, source.timezone)
    assert each.product is not None
    return output_shape(catalog.product(each.product))


def output_shape(product: ProductContract) -> samples.Shape:
    return samples.Shape(product.output.columns, product.schedule.timezone)


def _occasions(product: ProductContract, empty: dict[str, pl.DataFrame]) -> Iterator[tuple[Frames, str]]:
    yield dict(empty), "on empty inputs"
    if optional := [name for name, each in product.inputs.items() if not each.required]:
        absent: Frames = {name: None if name in optional else frame for name, frame in empty.items()}
        yield absent, f"without {' and '.join(optional)}"


def _run(function: Callable[..., Any], frames: Frames, path: Path, occasion: str) -> pl.DataFrame | Problem:
    import polars as pl

    try:
        result = function(**{name: None if frame is None else frame.lazy() for name, frame in frames.items()})
        if isinstance(result, pl.LazyFrame):
            return result.collect()
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - whatever an author's code raises becomes a sentence
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
        message = str(error).strip().splitlines()
        what = f"{type(error).__name__}: {message[0]}" if message else type(error).__name__
        return Problem(str(path), (lines or [1])[-1] or 1, 1, "", f"{occasion} it raises {what}")
    hint = "end with a LazyFrame: no .collect()" if isinstance(result, pl.DataFrame) else ""
    return Problem(str(path), 1, 1, "", f"{occasion} it returns a {type(result).__name__}, not a LazyFrame", hint)


def _schema(catalog: Catalog, product: ProductContract, frame: pl.DataFrame, occasion: str) -> Iterator[Problem]:
    """Names and types are the contract's; the order of columns is ours to make."""
    path = str(catalog.path_of(product.product) / "transform.py")
    wanted: dict[str, Column] = dict(product.output.columns)
    for name, column in wanted.items():
        if name not in frame.columns:
            hint = nearest(name, [n for n in frame.columns if n not in wanted])
            yield Problem(path, 1, 1, f"output.columns.{name}", f"{occasion} the result has no column {name!r}", hint)
        elif frame.schema[name] != column.parsed.polars():
            message = f"{occasion} {name} is {frame.schema[name]}, but the contract says {column.type}"
            yield Problem(path, 1, 1, f"output.columns.{name}", message, f"cast it to pl.{column.parsed.polars()!r}")
    for name in frame.columns:
        if name not in wanted:
            message = f"{occasion} the result has a column {name!r} that the contract does not name"
            yield Problem(path, 1, 1, "output.columns", message, "drop it, or add it to output.columns")


def _sample_run(
    catalog: Catalog, product: ProductContract, function: Callable[..., Any], shapes: dict[str, samples.Shape]
) -> Iterator[Problem]:
    folder = catalog.path_of(product.product) / "samples"
    found = {path.stem: path for path in samples.files(folder)}
    for name in sorted(found.keys() - shapes.keys() - {"expected"}):
        hint = nearest(name, [*shapes, "expected"])
        yield Problem(str(found[name]), 1, 1, "", f"there is no input called {name!r}", hint)
    required = [name for name, each in product.inputs.items() if each.required]
    for name in [*required, "expected"]:
        if name not in found:
            yield Problem(str(folder / f"{name}.csv"), 1, 1, "", "the sample is missing", "write a few rows")
    if not {*required, "expected"} <= found.keys():
        return
    frames: Frames = dict.fromkeys(shapes)
    problems: list[Problem] = []
    for name, shape in {**shapes, "expected": output_shape(product)}.items():
        if name in found:
            try:
                frames[name] = samples.typed(found[name], shape)
            except samples.BadSample as error:
                problems.append(error.problem(found[name]))
    if problems:
        yield from problems
        return
    expected = frames.pop("expected")
    assert expected is not None
    result = _run(function, frames, catalog.path_of(product.product) / "transform.py", "on the samples")
    if isinstance(result, Problem):
        yield result
    elif set(result.columns) == set(expected.columns):
        yield from _difference(found["expected"], product.output.key, result, expected)


def _difference(path: Path, key: list[str], result: pl.DataFrame, expected: pl.DataFrame) -> Iterator[Problem]:
    """The first row that differs says more than a table of all."""
    got, wanted = ({tuple(row[k] for k in key): row for row in f.to_dicts()} for f in (result, expected))
    if len(got) < result.height:
        yield Problem(str(path), 1, 1, "output.key", f"the result repeats a key ({', '.join(key)})", "check the joins")
    for line, (row_key, row) in enumerate(wanted.items(), 2):
        label = ", ".join(str(part) for part in row_key)
        if row_key not in got:
            yield Problem(str(path), line, 1, "", f"the result has no row {label}")
            return
        for name, value in row.items():
            if not _same(got[row_key][name], value):
                yield Problem(str(path), line, 1, "", f"row {label}: {name} is {got[row_key][name]}, expected {value}")
                return
    for row_key in got.keys() - wanted.keys():
        label = ", ".join(str(part) for part in row_key)
        yield Problem(str(path), 1, 1, "", f"the result has a row {label} that is not expected")
        return


def _same(got: Any, wanted: Any) -> bool:
    if isinstance(got, float) and isinstance(wanted, float):
        return abs(got - wanted) <= 1e-9 * max(1.0, abs(wanted))
    return bool(got == wanted)
