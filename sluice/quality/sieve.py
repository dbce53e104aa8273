"""Refining as a pure function: bronze rows in; good rows, rejected rows with their reasons, and a count that adds up.

    rows in = silver + quarantined + superseded

The order is fixed: what could not be read is set aside, values are cast, the latest row of each key wins, and then
every rule looks at every row in one pass. So a bad correction rejects the row; it does not revive the old value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from sluice.model.source import SourceContract
from sluice.quality import cast
from sluice.quality.rules import RowRule, SetRule, broken, set_rules, source_rules, spelt

WHOLE_FILE = ("file.unreadable", "contract.missing_column", "contract.type_drift")
_TYPED, _MISFIT = "_typed:", "_misfit:"


@dataclass(frozen=True)
class Sieved:
    """What refining made of some bronze rows, all in one frame each; `_event_on` tells the partition."""

    silver: pl.DataFrame
    quarantine: pl.DataFrame
    files: pl.DataFrame  # those of quarantine's rows that stand for a whole file; they have no day of their own
    superseded: pl.DataFrame  # `_event_on` of every row that a later one of its key replaced
    refused: dict[str, str]  # day -> the rule that no row of it may break
    reported: dict[str, int]  # rule -> rows that break it and stay


def sieve(bronze: pl.DataFrame, contract: SourceContract) -> Sieved:
    """Splits bronze rows; every row ends in exactly one of the three frames."""
    # In one piece first: of the hundred chunks that a hundred days are read in, each look at a column is a copy.
    bronze = bronze.rechunk()
    raw = bronze.with_row_index("_row")
    types = raw.schema  # once: a frame makes its schema anew each time, and one column after another that is quadratic
    unreadable = raw.filter(pl.col("_problem").is_not_null())
    rows = _cast(raw.filter(pl.col("_problem").is_null()), contract)
    late = _superseded(rows, contract)
    if set_rules(contract):  # these compare rows, so the superseded must be gone; for the others that copy is saved
        rows = _ranked(_without(rows, late), contract)
    rules = _rules(contract)
    judged = _without(_judged(rows, rules), late)
    reported = [r.id for r in rules if r.on_fail == "report" and r.id in judged.columns]
    bad = _rejected(judged.drop(reported))
    unread = unreadable.select("_row", _reasons=pl.concat_list(pl.col("_problem")))
    under = pl.lit(f"{contract.version} {contract.hash}").alias("_contract")  # what the row was judged by
    known = [name for name in raw.columns if name not in ("_row", "_problem", "_position")]
    known.sort(key=lambda name: name.startswith("_"))  # people look at the values first
    rejected = pl.concat([bad, unread]).sort("_row")
    quarantine = (
        raw[rejected["_row"]]  # a row's number is its place
        .with_columns(rejected["_reasons"])
        .select("_reasons", *(_as_text(n, types[n]) for n in known), under)
    )
    return Sieved(
        silver=_good(rows, pl.concat([late, bad["_row"]]), contract).with_columns(under),
        quarantine=quarantine,
        files=unreadable.filter(pl.col("_problem").is_in(WHOLE_FILE) & pl.col("_line").is_null()).select("_event_on"),
        superseded=raw.select("_event_on")[late],
        refused=_refused(quarantine, [r.id for r in rules if r.on_fail == "refuse"]),
        reported={id_: judged[id_].arg_true().len() for id_ in reported},
    )


def _good(rows: pl.DataFrame, gone: pl.Series, contract: SourceContract) -> pl.DataFrame:
    """Silver's rows and columns in their order: by day, then by key, which is whole and unique by now.

    The order is found on its few columns, and the rows are put into it in one go: a filter and then a sort would copy
    every row twice, and memory bounds how many days are refined at a time.
    """
    order = ["_event_on", *(contract.key or ["_origin", "_line", "_row"])]
    places = rows.select(*dict.fromkeys((*order, "_row")), _place=pl.int_range(pl.len(), dtype=pl.UInt32))
    places = _without(places, gone).sort(order)
    ours = ("_row", "_rank", "_problem", "_raw", "_position")
    kept = [each for each in rows.get_columns() if each.name not in ours and not each.name.startswith(_MISFIT)]
    return pl.DataFrame([each.gather(places["_place"]) for each in kept])


def _without(rows: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    return rows.remove(pl.col("_row").is_in(numbers.implode())) if numbers.len() else rows


def _judged(rows: pl.DataFrame, rules: Sequence[RowRule | SetRule]) -> pl.DataFrame:
    """The rows that anything is wrong with, by number, and a column for each thing that is: true where it is."""
    misfits = rows.select(pl.col(f"^{_MISFIT}.*$").name.replace(_MISFIT, "type:", literal=True))
    marks = pl.concat([misfits, broken(rows, rules)], how="horizontal")
    return rows.select("_row").hstack(marks).filter(pl.any_horizontal(marks.columns) if marks.width else pl.lit(False))


def _rejected(judged: pl.DataFrame) -> pl.DataFrame:
    """The rows that are set aside, with their reasons. Most rows have none, so they are spelt for these alone."""
    types = [name for name in judged.columns if name.startswith("type:")]
    rules = [name for name in judged.columns if name not in ("_row", *types)]
    reasons = pl.DataFrame({"types": spelt(judged, types), "rules": spelt(judged, rules)})
    # A value that did not fit became null on the way: that is one reason, not two.
    echoes = pl.col("types").list.eval(pl.element().str.replace("^type:", "null:"))
    reasons = reasons.select(pl.concat_list("types", pl.col("rules").list.set_difference(echoes)).alias("_reasons"))
    return judged.select("_row").hstack(reasons).filter(pl.col("_reasons").list.len() > 0)


def _rules(contract: SourceContract) -> list[RowRule | SetRule]:
    """Row rules as they are; set rules within their day, and where the latest is kept, without it."""
    rules: list[RowRule | SetRule] = [*source_rules(contract)]
    for rule in set_rules(contract):
        bad = rule.bad.over("_event_on")
        if rule.on_fail == "keep_latest":
            bad = bad & (pl.col("_rank") > pl.col("_rank").min().over([*rule.columns, "_event_on"]))
        rules.append(replace(rule, bad=bad))
    return rules


def _ranked(rows: pl.DataFrame, contract: SourceContract) -> pl.DataFrame:
    """Rank 0 is the latest row, for set rules that keep the latest."""
    if not any(rule.on_fail == "keep_latest" for rule in contract.rules):
        return rows
    return rows.sort(_recency(contract), descending=True, nulls_last=True).with_row_index("_rank")


def _recency(contract: SourceContract) -> list[str]:
    return [*([contract.latest_by] if contract.latest_by else []), "_landed_at", "_origin", "_line", "_row"]


def _refused(quarantine: pl.DataFrame, rules: list[str]) -> dict[str, str]:
    if not rules or not quarantine.height:
        return {}
    hits = quarantine.select(pl.col("_event_on").cast(pl.String), pl.col("_reasons")).explode("_reasons")
    hits = hits.filter(pl.col("_reasons").is_in(rules)).unique("_event_on", keep="first", maintain_order=True)
    return dict(hits.iter_rows())


def _cast(rows: pl.DataFrame, contract: SourceContract) -> pl.DataFrame:
    """Contract columns in their types; beside a column that has values of none of its type, one that tells where."""
    types = rows.schema
    present = {n: c for n, c in contract.columns.items() if n in types}
    to_cast = {n: c for n, c in present.items() if types[n] != c.parsed.polars() or c.clean or c.parsed.name == "uuid"}
    if to_cast:
        rows = rows.with_columns(
            cast.typed(n, c, types[n], contract.timezone).alias(_TYPED + n) for n, c in to_cast.items()
        )
        marks = rows.select(cast.misfit(n, c, types[n], _TYPED + n).alias(_MISFIT + n) for n, c in to_cast.items())
        rows = rows.drop(to_cast).rename({_TYPED + n: n for n in to_cast})
        rows = rows.with_columns(each for each in marks if each.any())
    absent = [pl.lit(None, c.parsed.polars()).alias(n) for n, c in contract.columns.items() if n not in present]
    others = [n for n in rows.columns if n not in contract.columns]
    return rows.with_columns(absent).select(*contract.columns, *others)


def _superseded(rows: pl.DataFrame, contract: SourceContract) -> pl.Series:
    """The numbers of the rows that a later one of their key replaces: the latest is so by the contract, then by when it
    landed. A row without a whole key stays."""
    none = pl.Series(dtype=pl.UInt32)
    if not contract.key or rows.height < 2:
        return none
    keys = rows.select(contract.key)
    # By sorted hashes, as few rows share a key; two keys with one hash are told apart below.
    hashes = keys.hash_rows()
    ordered = hashes.sort()
    repeated = ordered.filter(ordered == ordered.shift(1)).unique()
    if not repeated.len():
        return none
    whole = keys.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
    recency = _recency(contract)
    candidates = rows.select(*contract.key, *(n for n in recency if n not in contract.key))
    candidates = candidates.filter(hashes.is_in(repeated.implode()) & whole)
    ranked = candidates.sort(recency, descending=True, nulls_last=True)
    return ranked.filter(~pl.struct(contract.key).is_first_distinct())["_row"]


def _as_text(name: str, have: pl.DataType) -> pl.Expr:
    """Quarantine shows values as they came: text, whatever the type would have been."""
    if name.startswith("_") or have == pl.String:
        return pl.col(name)
    if isinstance(have, pl.List):
        return pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(", ").alias(name)
    if isinstance(have, pl.Datetime):
        return pl.col(name).dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    return pl.col(name).cast(pl.String)
