"""JSON Schema of both kinds of contract, for editors and for naming the keys that exist.

    python -m sluice.catalog docs/reference

An editor that speaks YAML uses one with the line `# yaml-language-server: $schema=…/source.schema.json`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from sluice.model.product import product_schema
from sluice.model.source import source_schema

_MODELS = {"source": source_schema, "product": product_schema}


@cache
def schema(kind: str) -> dict[str, Any]:
    """Of a `source` or a `product`."""
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"A Sluice {kind}"}
    return {**_MODELS[kind](), **about}


def rendered() -> dict[str, str]:
    """File name -> text, as they stand in docs/reference."""
    return {f"{kind}.schema.json": json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n" for kind in _MODELS}
