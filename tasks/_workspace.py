"""The workspace of a flow run: settings from the environment, missing addresses and secrets from Secret blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from prefect.runtime import flow_run

from sluice.settings import Settings, load
from sluice.steps.demand import demand, parse
from sluice.steps.workspace import Workspace


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
    """Read once per flow run and process: a split must not pay for reading the catalog again."""
    return _workspace(str(flow_run.id or ""), _values(load()))


@lru_cache(maxsize=8)
def _workspace(run: str, values: tuple[tuple[str, str], ...]) -> Workspace:
    facts = {"flow_run": run} if run else {}
    return Workspace.of(load(), secret=_from_block).with_facts(**facts)


def _values(settings: Settings) -> tuple[tuple[str, str], ...]:
    plain = {
        name: str(value) for name, value in settings.model_dump(exclude={"connections", "secrets", "storage"}).items()
    }
    for group in ("connections", "secrets", "storage"):
        plain |= {f"{group}.{k}": v.get_secret_value() for k, v in getattr(settings, group).items()}
    return tuple(sorted(plain.items()))


def _from_block(kind: str, name: str) -> str | None:
    """`connection orders_db` -> the Secret block `sluice-connection-orders-db`; None where there is none."""
    from prefect.blocks.system import Secret

    try:
        return str(Secret.load(f"sluice-{kind}-{name.replace('_', '-')}", _sync=True).get())  # type: ignore
    except ValueError:  # Prefect's word for a block that does not exist
        return None
