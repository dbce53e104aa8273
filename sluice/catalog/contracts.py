"""Finds the contracts of a catalog, validates each, and checks them against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sluice.catalog.document import Document, Exact, Unreadable, read
from sluice.catalog.problems import Problem, at, dotted, explain, nearest
from sluice.catalog.schemas import schema
from sluice.model.product import ProductContract
from sluice.model.source import SourceContract, parse_source

FILES = {"source": "source.yaml", "product": "contract.yaml"}


@dataclass
class Found:
    """What a catalog's files hold: the valid contracts, every readable document, and what is wrong with the rest."""

    sources: dict[str, SourceContract] = field(default_factory=dict)
    products: dict[str, ProductContract] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def find(root: Path) -> Found:
    found = Found()
    for kind, file in FILES.items():
        for folder in _folders(root / f"{kind}s"):
            _read(folder / file, kind, found)
    for product in found.products.values():
        found.problems += _inputs(product, found)
    found.problems.sort()
    return found


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")


def _read(path: Path, kind: str, found: Found) -> None:
    name = path.parent.name
    try:
        document = read(path)
    except FileNotFoundError:
        found.problems.append(Problem(str(path), 1, 1, "", "the file is missing", f"`sluice new {kind}` writes one"))
        return
    except OSError as error:
        found.problems.append(Problem(str(path), 1, 1, "", f"the file cannot be opened: {error.strerror}"))
        return
    except Unreadable as error:
        found.problems.append(Problem(str(path), *error.place, dotted(error.key), error.message, error.hint))
        return
    if name in found.documents:
        found.problems.append(at(document, (kind,), f"a source is called {name!r} already", "choose another name"))
        return
    found.documents[name] = document
    if isinstance(written := document.value.get(kind), str) and written != name:
        found.problems.append(
            at(document, (kind,), f"the {kind} is called {written!r} but its folder {name!r}", "make them equal")
        )
    try:
        if kind == "source":
            found.sources[name] = parse_source(_exact_bounds(document.value))
        else:
            output = document.value.get("output")
            exact = {"output": _exact_bounds(output)} if isinstance(output, dict) else {}
            found.products[name] = ProductContract.model_validate({**document.value, **exact})
    except ValidationError as error:
        found.problems += explain(error, document, schema(kind))


def _exact_bounds(holder: dict[str, Any]) -> dict[str, Any]:
    """A decimal column's bounds become decimals as they are written: 0.1 is not a double there."""
    columns = holder.get("columns")
    if not isinstance(columns, dict):
        return holder
    return {**holder, "columns": {name: _exact_column(column) for name, column in columns.items()}}


def _exact_column(column: Any) -> Any:
    if not isinstance(column, dict) or not str(column.get("type", "")).strip().startswith("decimal"):
        return column
    return {key: _exact(value) if key in ("min", "max", "one_of") else value for key, value in column.items()}


def _exact(value: Any) -> Any:
    if isinstance(value, list):
        return [_exact(each) for each in value]
    return Decimal(value.text) if isinstance(value, Exact) else value


def _inputs(product: ProductContract, found: Found) -> Iterator[Problem]:
    document = found.documents[product.product]
    for name, each in product.inputs.items():
        for kind, wanted in (("source", each.source), ("product", each.product)):
            if wanted is None:
                continue
            # A contract that could not be read still has its folder: one mistake is told once, in its own file.
            known = [n for n, d in found.documents.items() if d.path.name == FILES[kind]]
            if wanted not in known and not (document.path.parents[2] / f"{kind}s" / wanted).is_dir():
                yield at(
                    document, ("inputs", name, kind), f"there is no {kind} called {wanted!r}", nearest(wanted, known)
                )
