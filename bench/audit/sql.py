"""The same questions in one statement of SQL. python -m bench.audit.sql FILE, in the peers' environment"""

from __future__ import annotations

import sys

import duckdb

from bench.measure import Report

COUNTS = r"""
    SELECT
        (count(*) < 1000)::INT,
        count(*) - count(order_id),
        count(*) - count(DISTINCT order_id),
        count(*) - count(DISTINCT (customer_id, order_id)),
        count(*) - count(customer_id),
        count(*) FILTER (total NOT BETWEEN 0 AND 10000000),
        count(*) FILTER (quantity NOT BETWEEN 1 AND 100),
        count(*) FILTER (status NOT IN ('new', 'paid', 'sent', 'done')),
        count(*) FILTER (NOT regexp_matches(email, '^[^@ ]+@[^@ ]+\.[a-z]+$')),
        count(*) FILTER (length(code) <> 10),
        count(*) FILTER (sent_at < ordered_at),
        count(*) FILTER (ordered_at NOT BETWEEN TIMESTAMP '2026-05-01' AND TIMESTAMP '2026-05-02'),
        (sum(total) < 1)::INT,
        (avg(weight) NOT BETWEEN 10 AND 40)::INT,
        (count(DISTINCT status) NOT BETWEEN 2 AND 10)::INT
    FROM {source}
"""


def main() -> None:
    report, connection = Report(), duckdb.connect()
    source = f"read_parquet('{sys.argv[1]}')"
    with report.stage("start"):
        connection.execute(COUNTS.format(source=f"(FROM {source} LIMIT 1000)")).fetchone()
    with report.stage("audit"):
        found = connection.execute(COUNTS.format(source=source)).fetchone()
    assert found is not None
    report.facts["held"] = not any(found)
    report.facts["broken"] = [n for n, each in enumerate(found) if each]
    report.hand_back()


if __name__ == "__main__":
    main()
