"""A product's transform.py: one pure function, named like the product, that takes its inputs by name."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from sluice.catalog.problems import nearest
from sluice.errors import Misconfigured

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def code_hash(folder: Path) -> str:
    """Over transform.py as it is on disk."""
    return hashlib.sha256(_source(folder / "transform.py")).hexdigest()[:12]


def load(folder: Path, product: str, inputs: Iterable[str]) -> Callable[..., Any]:
    """The function, its signature checked; Misconfigured("catalog.transform") says what does not fit."""
    path = folder / "transform.py"
    module = _module(path, product)
    functions = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    if product not in functions:
        remedy = nearest(product, functions) or f"define `def {product}({', '.join(inputs)})`"
        raise _wrong(path, f"there is no function called {product!r}", remedy)
    function = functions[product]
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise _wrong(path, f"{product} must be a plain function that returns a frame")
    _same_names(path, function, list(inputs))
    return function


def _same_names(path: Path, function: Callable[..., Any], inputs: list[str]) -> None:
    """Exactly the inputs: a parameter with a default would silently never be filled."""
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if parameter.kind not in _NAMED:
            raise _wrong(
                path, f"the parameter {name!r} must be taken by its name", "write each input as a plain parameter"
            )
        if name not in inputs:
            raise _wrong(path, f"the parameter {name!r} is not an input of the contract", nearest(name, inputs))
    for name in inputs:
        if name not in parameters:
            raise _wrong(path, f"the input {name!r} is not a parameter of the function", nearest(name, parameters))


def _module(path: Path, product: str) -> ModuleType:
    """Run from the very bytes that are hashed: no .pyc, whose freshness is judged by whole seconds."""
    source = _source(path)
    name = f"sluice_transform_{product}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:  # whatever the author's file raises, the answer is the same: it cannot be used
        del sys.modules[name]
        line = error.lineno if isinstance(error, SyntaxError) else _line(error, path)
        where = f" on line {line}" if line else ""
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        raise _wrong(path, f"it cannot be loaded: {type(error).__name__}{where}: {text}", line=line) from error
    return module


def _line(error: BaseException, path: Path) -> int | None:
    trace, line = error.__traceback__, None
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        remedy = "write one pure function, named like the product, that takes the inputs and returns a frame"
        raise _wrong(path, f"it cannot be read: {error.strerror}", remedy) from error


def _wrong(path: Path, what: str, remedy: str = "", line: int | None = None) -> Misconfigured:
    return Misconfigured("catalog.transform", what, str(path), remedy, line=line or 1)
