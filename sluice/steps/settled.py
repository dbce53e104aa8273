"""What may not change under a table, or under a run: how its days and intervals are cut, and what its plan has read.

A row's partition follows from a zone, an event time or a unit. Cut otherwise, new partitions overlap the old ones, and
rows stand in both or in none. (A product that went from days to weeks kept its days, and its sums doubled.)
"""

from __future__ import annotations

from sluice.errors import Misconfigured
from sluice.lake import ledger
from sluice.lake.log import Log
from sluice.lake.table import Snapshot
from sluice.model.product import ProductContract
from sluice.model.source import SourceContract
from sluice.steps.workspace import Workspace


def cut_of(contract: SourceContract | ProductContract) -> dict[str, str | None]:
    """What decides the partition of a row; it stands in every landing and every publication."""
    if isinstance(contract, ProductContract):
        return {"interval": contract.interval, "timezone": contract.schedule.timezone}
    return {"event_time": contract.event_time, "timezone": contract.timezone}


def refuse_other_cut(contract: SourceContract | ProductContract, table: Snapshot | Log | None) -> None:
    """Misconfigured where the table's newest landing or publication was cut in another way."""
    was = next((e.fact("cut") for e in ledger.entries(table) if "cut" in e.parts), None)
    now = cut_of(contract)
    if table is None or was is None or was == now:
        return
    name = contract.product if isinstance(contract, ProductContract) else contract.source
    changed = ", ".join(
        f"{key} was {was.get(key)} and is {value}" for key, value in now.items() if was.get(key) != value
    )
    raise Misconfigured(
        "catalog.invalid",
        f"{name} would cut its rows into other partitions than those of {table.table}: {changed}",
        table.table.uri,
        "Put that back, or give the contract a new name: old and new partitions overlap.",
    )


def refuse_edited(ws: Workspace, name: str, contract: str, code: str | None = None) -> None:
    """Misconfigured where the contract or the code is not the one that was planned with, and that the commit names."""
    if ws.catalog.contract(name).hash == contract and code in (None, code and ws.catalog.code_hash(name)):
        return
    raise Misconfigured(
        "catalog.invalid", f"{name} was edited while this run was under way", name, "Nothing is committed. Run again."
    )
