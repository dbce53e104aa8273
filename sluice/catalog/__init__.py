"""The catalog: every source and product folder, read strictly, checked against each other, and joined into a graph.

    catalog/sources/<name>/source.yaml
    catalog/products/<name>/contract.yaml  transform.py

Nothing is registered by hand. `load` reports everything that is wrong with every file at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from sluice.catalog import transform
from sluice.catalog.contracts import find
from sluice.catalog.document import Document, Key
from sluice.catalog.problems import Problem, at, nearest
from sluice.catalog.schemas import schema
from sluice.errors import Misconfigured
from sluice.model.contract import Column
from sluice.model.product import ProductContract
from sluice.model.source import SourceContract

__all__ = ["Catalog", "Problem", "load", "schemas"]


@dataclass(frozen=True)
class Catalog:
    """All contracts under one root, valid and without circles."""

    root: Path
    sources: dict[str, SourceContract]
    products: dict[str, ProductContract]
    documents: dict[str, Document]
    _transforms: dict[str, Callable[..., Any]] = field(default_factory=dict, repr=False)

    def source(self, name: str) -> SourceContract:
        return self.sources[self._known(name, self.sources, "source")]

    def product(self, name: str) -> ProductContract:
        return self.products[self._known(name, self.products, "product")]

    def contract(self, name: str) -> SourceContract | ProductContract:
        return self.sources.get(name) or self.products[self._known(name, self.documents, "source or product")]

    def columns(self, name: str) -> dict[str, Column]:
        """What a source's silver or a product's gold holds."""
        contract = self.contract(name)
        return contract.output.columns if isinstance(contract, ProductContract) else contract.columns

    def path_of(self, name: str) -> Path:
        """The folder of a source or product."""
        return self.documents[self._known(name, self.documents, "source or product")].path.parent

    def problem(self, name: str, key: Key, message: str, hint: str = "") -> Problem:
        """A finding about a contract, placed in its file."""
        return at(self.documents[name], key, message, hint)

    def transform(self, product: str) -> Callable[..., Any]:
        """The product's function, loaded once."""
        if product not in self._transforms:
            contract = self.product(product)
            self._transforms[product] = transform.load(self.path_of(product), product, list(contract.inputs))
        return self._transforms[product]

    def code_hash(self, product: str) -> str:
        """Twelve hex digits over the product's Python: equal code, equal hash."""
        return transform.code_hash(self.path_of(product))

    def sources_of(self, product: str) -> list[str]:
        """Every source whose rows reach the product, also through other products."""
        found: set[str] = set()
        for name in (*self.products_of(product), product):
            found |= {each.source for each in self.product(name).inputs.values() if each.source}
        return sorted(found)

    def products_of(self, product: str) -> list[str]:
        """Every product that the product reads, also through others; upstream first."""
        found: set[str] = set()
        waiting = [product]
        while waiting:
            direct = {each.product for each in self.product(waiting.pop()).inputs.values() if each.product}
            waiting.extend(direct - found)
            found |= direct
        return self.order(found)

    def readers_of(self, name: str) -> list[str]:
        """The products that read this source or product directly."""
        self._known(name, self.documents, "source or product")
        return sorted(p.product for p in self.products.values() if name in _reads(p))

    def order(self, products: Iterable[str] | None = None) -> list[str]:
        """These products (all, when none are named) with every product after those it reads."""
        wanted = {self.product(name).product for name in (self.products if products is None else products)}
        graph = {name: _reads(self.products[name]) & self.products.keys() for name in sorted(self.products)}
        try:
            return [name for name in TopologicalSorter(graph).static_order() if name in wanted]
        except CycleError as error:
            circle: list[str] = error.args[1]
            raise Misconfigured(
                "catalog.cycle",
                f"these products read each other in a circle: {' → '.join(reversed(circle))}",
                str(self.documents[circle[0]].path),
                "let one of them read sources instead of a product of the circle",
                circle=circle,
            ) from error

    def _known(self, name: str, among: Iterable[str], kind: str) -> str:
        names = list(among)
        if name in names:
            return name
        remedy = nearest(name, names) or f"`sluice new {kind.split()[0]} {name}` writes one"
        raise Misconfigured("catalog.unknown", f"there is no {kind} called {name!r}", str(self.root), remedy, name=name)


def load(root: Path) -> Catalog:
    """Misconfigured("catalog.invalid") carries every problem of every file in `facts["problems"]`."""
    if not root.is_dir():
        raise Misconfigured(
            "catalog.invalid",
            "the catalog folder does not exist",
            str(root),
            "set SLUICE_CATALOG to the folder that holds sources/ and products/, or make it",
            problems=[],
        )
    found = find(root)
    if problems := found.problems:
        told = "\n".join(f"  {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise Misconfigured(
            "catalog.invalid",
            f"{count} in the catalog:\n{told}",
            str(root),
            "mend the lines named above, then run `sluice check`",
            problems=[problem.as_dict() for problem in problems],
        )
    catalog = Catalog(root, found.sources, found.products, found.documents)
    catalog.order()
    return catalog


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of a source and of a product."""
    return {kind: schema(kind) for kind in ("source", "product")}


def _reads(product: ProductContract) -> set[str]:
    return {name for each in product.inputs.values() if (name := each.source or each.product)}
