"""Fills the templates of `sluice new`. A product's samples come from those of its inputs, and what is expected of it
from running its own transform, so that the new folder is in order by construction."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from sluice.catalog import Catalog, load, samples
from sluice.catalog.checks import source_shape
from sluice.catalog.transform_checks import output_shape

if TYPE_CHECKING:
    import polars as pl

SAMPLE_ROWS = 5


class CannotBegin(Exception):
    """The inputs do not allow a working start; says why. Nothing was written."""


def source(root: Path, name: str, kind: str) -> list[Path]:
    return _render(f"source/{kind}", root / "sources" / name, {"name": name, "NAME": name.upper()})


def product(catalog: Catalog, name: str, reads: list[str]) -> list[Path]:
    moments = {each: _moment(catalog, each) for each in reads}
    dated = {each: moment for each, moment in moments.items() if moment}
    if not dated:
        raise CannotBegin(f"none of {', '.join(reads)} has an event_time; a product needs one input that says when")
    frames = {each: _some_rows(catalog, each) for each in reads}
    zone = _zone(catalog, next(iter(dated)))
    folder = catalog.root / "products" / name
    words = {
        "name": name,
        "title": f"{name.replace('_', ' ').capitalize()} by day",
        "timezone": zone,
        "start": date.today().replace(day=1).isoformat(),
        "inputs": "\n".join(_input(catalog, each, moments[each] is not None) for each in reads),
        "parameters": ", ".join(f"{each}: pl.LazyFrame" for each in reads),
        "days": _days(dated, zone),
    }
    written = _render("product", folder, words)
    return sorted([*written, *_samples(catalog.root, name, frames)])


def _render(template: str, folder: Path, words: dict[str, str]) -> list[Path]:
    written = []
    for path, text in _texts(files("sluice.cli") / "templates" / template):
        target = folder / path.removesuffix(".in")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(target)
    return sorted(written)


def _texts(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _texts(each, f"{prefix}{each.name}/")
        else:
            found.append((prefix + each.name, each.read_text(encoding="utf-8")))
    return found


def _moment(catalog: Catalog, name: str) -> tuple[str, bool] | None:
    """The column that says when, and whether it is an instant (else a date)."""
    if name not in catalog.sources:
        output = catalog.product(name).output
        return output.interval, output.columns[output.interval].parsed.name == "timestamp"
    source = catalog.source(name)
    column = source.event_time
    return (column, source.columns[column].parsed.name == "timestamp") if column else None


def _zone(catalog: Catalog, name: str) -> str:
    return catalog.source(name).timezone if name in catalog.sources else catalog.product(name).schedule.timezone


def _input(catalog: Catalog, name: str, dated: bool) -> str:
    kind = "source" if name in catalog.sources else "product"
    return f"  {name}: {{{kind}: {name}{'' if dated else ', as_of: latest'}}}"


def _days(dated: dict[str, tuple[str, bool]], zone: str) -> str:
    parts = []
    for name, (column, is_instant) in dated.items():
        local = f'.dt.convert_time_zone("{zone}").dt.date()' if is_instant else ""
        parts.append(f'{name}.select(counted_on=pl.col("{column}"){local})')
    if len(parts) == 1:
        return f"    days = {parts[0]}"
    lines = "".join(f"            {part},\n" for part in parts)
    return f"    days = pl.concat(\n        [\n{lines}        ]\n    )"


def _samples(root: Path, name: str, frames: dict[str, pl.DataFrame]) -> list[Path]:
    """A few rows of each input, and what the transform makes of them."""
    catalog = load(root)
    folder = catalog.path_of(name) / "samples"
    folder.mkdir()
    result = catalog.transform(name)(**{each: frame.lazy() for each, frame in frames.items()}).collect()
    key = catalog.product(name).output.key
    written = []
    for stem, frame in {**frames, "expected": result.sort(key)}.items():
        path = folder / f"{stem}.csv"
        path.write_text(_csv(frame), encoding="utf-8")
        written.append(path)
    return written


def _some_rows(catalog: Catalog, name: str) -> pl.DataFrame:
    folder = catalog.path_of(name) / "samples"
    if name in catalog.sources:
        shape = source_shape(catalog.source(name))
        found = [path for path in samples.files(folder) if not path.stem.startswith("rejected")]
    else:
        shape = output_shape(catalog.product(name))
        found = [path for path in samples.files(folder) if path.stem == "expected"]
    try:
        return samples.typed(found[0], shape).head(SAMPLE_ROWS) if found else samples.empty(shape)
    except samples.BadSample as error:
        raise CannotBegin(f"{error.problem(found[0])}; mend the sample first") from error


def _csv(frame: pl.DataFrame) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([_written(value) for value in row] for row in frame.rows())
    return out.getvalue()


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(value, default=str) if isinstance(value, list) else str(value)
