"""A day on the wire: the truth as each source shows it, with the day's faults among it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from catalog.world.drop import Drop
from catalog.world.faults import Declared, Fault, Kind, Outcome, is_row_fault, reason_of, spoil
from catalog.world.generate import ONLINE, ORDERS, TILLS
from catalog.world.shop_api import PATH
from catalog.world.wire import key_of, on_the_wire, renumbered

POP_UP_STORES = range(901, 1000)  # files of their own, which no true receipt is in
FAULTY_FROM = {ORDERS: 9_000_000, ONLINE: 9_000_000, TILLS: 90_000}  # order numbers that no true row has
ORIGINS = {ORDERS: "public.orders", ONLINE: PATH}


@dataclass(frozen=True)
class Arrival:
    """What one source shows of a day."""

    rows: pl.DataFrame  # text, in the source's own columns
    declared: list[Declared]


def arrive(source: str, day: date, good: pl.DataFrame, faults: Iterable[Fault]) -> Arrival:
    """Orders of a database or an API: good rows, then what is wrong with them."""
    faults = [fault for fault in faults if fault.source == source]
    wire = on_the_wire(source, good)
    sold = wire.filter(pl.col("total" if source == TILLS else "order_total") != "0.00")
    parts, declared = [wire], []
    number = 0
    for fault in faults:
        if is_row_fault(fault.kind):
            rows = renumbered(source, sold.slice(number, fault.rows), day, FAULTY_FROM[source] + number)
            number += fault.rows
            spoilt = spoil(rows, fault)
            keys = spoilt[key_of(source)].to_list()
            parts.append(spoilt)
            outcome: Outcome = "quarantined"
        elif fault.kind == Kind.DUPLICATES:
            rows = on_the_wire(source, _older(source, good.head(200).tail(fault.rows)))
            keys = rows[key_of(source)].to_list()
            parts.append(rows)
            outcome = "superseded"
        else:
            continue
        declared += [
            Declared(fault.kind, source, day, outcome, reason_of(fault), key, ORIGINS.get(source)) for key in keys
        ]
    for fault in faults:
        if fault.kind == Kind.EQUAL_TIMESTAMPS:
            moment = wire["updated_at"].head(fault.rows).max()
            same = pl.when(pl.int_range(pl.len()) < fault.rows).then(pl.lit(moment)).otherwise("updated_at")
            parts[0] = parts[0].with_columns(updated_at=same)
    return Arrival(pl.concat(parts), declared)


def drop_files(drop: Drop, day: date, good: pl.DataFrame, faults: Iterable[Fault]) -> list[Declared]:
    """The tills' files of a day. A faulty receipt stands at the end of its store's file."""
    faults = [fault for fault in faults if fault.source == TILLS]
    arrival = arrive(TILLS, day, good, faults)
    true = good.height
    found = list(arrival.declared)
    rows = arrival.rows.with_columns(_number=pl.int_range(pl.len()) - true)
    by_store = rows.partition_by("store_id", maintain_order=True)
    for part in by_store:
        path = drop.write(day, int(part["store_id"][0]), part.drop("_number"))
        for line, number in enumerate(part["_number"], start=2):
            if number >= 0:
                found[number] = replace(found[number], origin=path.name, line=line)
    pop_ups = iter(POP_UP_STORES)
    for fault in faults:
        if fault.kind == Kind.RAGGED_LINE:
            path = drop.path(day, int(by_store[0]["store_id"][0]))
            lines = drop.append_ragged(path, day, fault.rows)
            found += [_in_file(fault, day, path.name, line) for line in lines]
        elif fault.kind == Kind.MISSING_COLUMN:
            store = next(pop_ups)
            path = drop.write(day, store, _pop_up(arrival.rows.head(fault.rows), day, store).drop("total"))
            found.append(_in_file(fault, day, path.name, None))
        elif fault.kind == Kind.UNREADABLE_FILE:
            for _ in range(fault.rows):
                path = drop.write_rubbish(day, next(pop_ups), "")
                found.append(_in_file(fault, day, path.name, None))
    return found


def _in_file(fault: Fault, day: date, name: str, line: int | None) -> Declared:
    return Declared(fault.kind, TILLS, day, "quarantined", reason_of(fault), None, name, line)


def _pop_up(rows: pl.DataFrame, day: date, store: int) -> pl.DataFrame:
    return renumbered(TILLS, rows.with_columns(store_id=pl.lit(str(store))), day, 0)


def _older(source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Former versions of the same orders; a till can only repeat itself."""
    if source == TILLS:
        return rows
    return rows.with_columns(pl.col("items") + 1, pl.col("updated_at") - pl.duration(seconds=1))
