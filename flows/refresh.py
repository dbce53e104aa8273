"""One product, one or more intervals: ingest what it needs, build, audit, publish, report."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.ingest import ROUNDS, ingest_sources
from sluice.errors import SluiceError
from sluice.steps.milestones import say
from sluice.steps.workspace import new_run
from tasks import audit, build, publish, report
from tasks._presets import is_conflict, value
from tasks._running import task_runner
from tasks._workspace import wanted


@flow(name="refresh", flow_run_name="refresh {product} {interval}", result_serializer="json", task_runner=task_runner())
def refresh(
    product: str,
    interval: str | None = None,
    ingest: bool = True,
    reason: str = "scheduled",
    run: str | None = None,
) -> Any:
    """Publishes complete, audited intervals of a product, or says why readers keep the previous version.

    Args:
        product: The product's name in the catalog.
        interval: One interval or a range, like 2026-05-02 or 2026-05-01..2026-05-31; the newest due when left out.
        ingest: Whether to ask the sources for new rows first.
        reason: Why this run is made; it stands in the commit.
        run: The run's name in the lake's ledger; made up when left out.
    """
    try:
        published = refresh_products(product, interval, ingest, reason, run or new_run())
    except SluiceError as error:
        return report.ending([error])
    stopped = report.errors_of([each for each in published if each["product"] == product])
    # Where the product itself could not be made, the gravest error on the way to it is the cause.
    return report.ending(report.errors_of(published) if stopped else []) or published


def refresh_products(product: str, interval: str | None, ingest: bool, reason: str, run: str) -> list[dict[str, Any]]:
    """The order of things, inside a flow: sources, then products, upstream first."""
    want = wanted(product, interval)
    failed: dict[str, SluiceError] = {}
    if ingest:
        _, failed = ingest_sources(want.sources, run, product, want.interval)
    return [publish_product(name, labels, run, failed, reason) for name, labels in want.products.items()]


def publish_product(product: str, labels: list[str], run: str, failed: dict[str, SluiceError], reason: str) -> Any:
    """Build, audit, publish, report, inside a flow. What stops it is recorded, and stops what reads the product.

    Where another run publishes the same first, this one starts over: then mostly there is nothing new any more.
    """
    for _ in range(ROUNDS):
        try:
            published = build_and_publish(product, labels, run, failed, reason)
        except SluiceError as error:
            if is_conflict(error):
                say("%s: another run published first; planned anew", product)
                conflict = error
                continue
            return value(report.report_unbuilt.submit(product, labels, run, error))
        value(report.report_product.submit(published))
        return published
    return value(report.report_unbuilt.submit(product, labels, run, conflict))


def build_and_publish(product: str, labels: list[str], run: str, failed: dict[str, SluiceError], reason: str) -> Any:
    plan = value(build.plan_build.submit(product, labels, run, failed))
    candidates = [value(c) for c in build.fan_out(plan)] if plan["chunks"] else []
    verdicts = [value(v) for v in audit.fan_out(plan, candidates)] if candidates else []
    return value(publish.submit(plan, candidates, verdicts, reason))


if __name__ == "__main__":
    import sys

    from tasks._running import by_hand

    raise SystemExit(by_hand(refresh, *sys.argv[1:]))
