"""The gate. python -m bench.audit.gate FILE | DAYS' FOLDER --days

`start` is what a process pays once: Great Expectations' import, and a first audit of a few rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from bench.audit.checks import LARGE, SMALL
from bench.measure import Report
from sluice.quality.checks import GateCheck
from sluice.quality.gate import audit, audit_parts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("where", type=Path)
    parser.add_argument("--days", action="store_true")
    wanted = parser.parse_args()
    report = Report()
    asked = SMALL if wanted.days else LARGE
    checks = [GateCheck(f"{n:02}", "critical", {"type": t, "kwargs": k}) for n, (t, k) in enumerate(asked)]
    path = wanted.where / "**/*.parquet" if wanted.days else wanted.where
    frame = pl.scan_parquet(path, hive_partitioning=wanted.days, try_parse_hive_dates=False)
    columns = [name for name in frame.collect_schema() if name != "_interval"]
    with report.stage("start"):
        audit({"few": frame.select(columns).head(1000)}, checks, columns=columns)
    with report.stage("audit") as cost:
        if wanted.days:
            read = frame.collect()
            labels = read["_interval"].unique().sort().to_list()
            verdicts = audit_parts(read.lazy(), "_interval", labels, checks, columns=columns)
            cost.rows = len(verdicts)
            (report.facts["unexpected"],) = {tuple(c.unexpected for c in each) for each in verdicts.values()}
            report.facts["held"] = all(c.success for each in verdicts.values() for c in each)
        else:
            (found,) = audit({"all": frame}, checks, columns=columns).values()
            report.facts["unexpected"] = [each.unexpected for each in found]
            report.facts["held"] = all(each.success for each in found)
    report.hand_back()


if __name__ == "__main__":
    main()
