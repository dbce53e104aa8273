"""The same job as `bench.tpch.service` does, under Prefect: the flow `refresh` in this process, its server in another.

python -m bench.tpch.flow --days FIRST..LAST      (SLUICE_* and PREFECT_* say where)
"""

from __future__ import annotations

import argparse
from collections import Counter

from bench.measure import Report
from bench.tpch.service import PRODUCT


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", required=True)
    options = parser.parse_args()
    report = Report()
    with report.stage("prefect start"):
        from flows.refresh import refresh
    with report.stage("gate start"):
        __import__("sluice.quality.engine_checkpoint")
    with report.stage("flow") as cost:
        (published,) = refresh(PRODUCT, options.days)
    report.facts["intervals"] = dict(Counter(published["outcomes"].values()))
    cost.rows = len(published["outcomes"])
    report.hand_back()


if __name__ == "__main__":
    main()
