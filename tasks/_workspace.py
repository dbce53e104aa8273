"""The workspace of a flow run: settings from the environment, missing addresses and secrets from Secret blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from prefect.runtime import flow_run

from sluice.settings import Settings, load
from sluice.steps.demand import demand, parse
from sluice.steps.workspace import Workspace

_given: ContextVar[Mapping[str, Any]] = ContextVar("given", default=MappingProxyType({}))


@dataclass(frozen=True)
class Wanted:
    """What a run of one product is about, by name and label."""

    sources: list[str]
    products: dict[str, list[str]]
    interval: str


def wanted(product: str, interval: str | None) -> Wanted:
    """The sources to ask and the products to build, upstream first."""
    ws = workspace()
    intervals = parse(ws, product, interval)
    whole = demand(ws, product, intervals)
    return Wanted(
        sources=list(whole.sources),
        products={name: [i.label for i in each] for name, each in whole.products.items()},
        interval=f"{intervals[0]}..{intervals[-1]}",
    )


def workspace() -> Workspace:
    """Read once per flow run and process: neither catalog nor settings (11 ms) are read again for every split."""
    run = str(flow_run.id or "")
    return _of_run(run, tuple(sorted(_given.get().items()))) if run else _workspace()


@contextmanager
def given(settings: Iterable[tuple[str, Any]]) -> Iterator[None]:
    """For a task on a worker: the flow's settings go before those of the worker's environment."""
    token = _given.set(dict(settings))
    try:
        yield
    finally:
        _given.reset(token)


def given_settings(ws: Workspace) -> tuple[tuple[str, Any], ...]:
    """What a run says and not a machine: its clock, its actor. No address and no secret."""
    own = {"lake", "catalog", "connections", "secrets", "storage", "runner", "workers", "memory"}
    return tuple(sorted({**load().model_dump(exclude=own), "actor": ws.actor}.items()))


def _settings() -> Settings:
    return load().model_copy(update=_given.get())


@lru_cache(maxsize=8)
def _of_run(run: str, given: tuple[tuple[str, Any], ...]) -> Workspace:
    return _workspace().with_facts(flow_run=run)


def _workspace() -> Workspace:
    return Workspace.of(_settings(), secret=_from_block)


def _from_block(kind: str, name: str) -> str | None:
    """`connection orders_db` -> the Secret block `sluice-connection-orders-db`; None where there is none."""
    from prefect.blocks.system import Secret

    try:
        return str(Secret.load(f"sluice-{kind}-{name.replace('_', '-')}", _sync=True).get())  # type: ignore
    except ValueError:  # Prefect's word for a block that does not exist
        return None
