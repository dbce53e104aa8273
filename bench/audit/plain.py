"""The same questions written by hand in Polars: counts only, one collect. python -m bench.audit.plain FILE"""

from __future__ import annotations

import sys
from datetime import timedelta

import polars as pl

from bench.audit.data import DAY, EMAIL, STATUSES
from bench.measure import Report


def counts(frame: pl.LazyFrame) -> list[int]:
    """How many rows break each; 0 or 1 where it is about the whole. Uniqueness as cheap as Polars has it."""
    c = pl.col
    bad = [
        c("order_id").null_count(),
        pl.len() - c("order_id").n_unique(),
        pl.len() - pl.struct("customer_id", "order_id").n_unique(),
        c("customer_id").null_count(),
        (~c("total").is_between(0, 10_000_000)).sum(),
        (~c("quantity").is_between(1, 100)).sum(),
        (~c("status").is_in(STATUSES)).sum(),
        (~c("email").str.contains(EMAIL)).sum(),
        (c("code").str.len_chars() != 10).sum(),
        (c("sent_at") < c("ordered_at")).sum(),
        (~c("ordered_at").is_between(DAY, DAY + timedelta(days=1))).sum(),
        c("total").sum() < 1,
        ~c("weight").mean().is_between(10, 40),
        ~c("status").n_unique().is_between(2, 10),
    ]
    asked = [pl.len() < 1000, *bad]
    row = frame.select(each.alias(str(n)) for n, each in enumerate(asked)).collect(engine="streaming").row(0)
    return [int(each) for each in row]


def main() -> None:
    report, frame = Report(), pl.scan_parquet(sys.argv[1])
    with report.stage("start"):
        counts(frame.head(1000))
    with report.stage("audit"):
        found = counts(frame)
    report.facts["held"] = not any(found)
    report.facts["broken"] = [n for n, each in enumerate(found) if each]
    report.hand_back()


if __name__ == "__main__":
    main()
