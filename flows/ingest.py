"""Sources to bronze to silver: a branch for each source, its splits side by side; one that fails stops only itself."""

from __future__ import annotations

from typing import Any

from prefect import flow

from sluice.errors import SluiceError
from sluice.steps.milestones import say
from sluice.steps.workspace import new_run
from tasks import land, refine, report
from tasks._ingestion import Ingestion
from tasks._limits import ensure_limits, give_back_free
from tasks._presets import is_conflict, value
from tasks._running import task_runner
from tasks._workspace import workspace

ROUNDS = 5  # how often work is planned anew when another run does the same at the same time


@flow(name="ingest", flow_run_name="ingest {sources}", result_serializer="json", task_runner=task_runner())
def ingest(
    sources: list[str] | None = None,
    product: str | None = None,
    interval: str | None = None,
    run: str | None = None,
) -> Any:
    """Lands and refines what is new.

    Args:
        sources: Which sources; all of the catalog when left out.
        product: Whose intervals decide what interval-mode sources pull.
        interval: That product's interval or range, like 2026-05-02 or 2026-05-01..2026-05-31.
        run: The run's name in the lake's ledger; made up when left out.
    """
    try:
        names = sources or sorted(workspace().catalog.sources)
        facts, errors = ingest_sources(names, run or new_run(), product, interval)
    except SluiceError as error:
        return report.ending([error])
    return report.ending(list(errors.values())) or facts


def ingest_sources(
    sources: list[str], run: str, product: str | None = None, interval: str | None = None
) -> tuple[list[dict[str, Any]], dict[str, SluiceError]]:
    """The order of things, inside a flow. Two runs that land one source at once: the later one starts over."""
    ensure_limits(sources)
    done = Ingestion()
    pending = sources
    for _ in range(ROUNDS):
        once(done, pending, run, product, interval)
        pending = [s for s, error in done.errors.items() if is_conflict(error)]
        if not pending:
            break
        say("%s: another run landed first; planned anew", ", ".join(pending))
        done.errors = {s: e for s, e in done.errors.items() if s not in pending}
    give_back_free()
    facts = value(report.report_ingestion.submit(run, done.landed, done.refined, done.errors, sources))
    return facts, done.errors


def once(done: Ingestion, sources: list[str], run: str, product: str | None, interval: str | None) -> None:
    """Every stage fans out over all sources; a source drops out where it fails."""
    plans = {s: land.plan(s, run, product, interval) for s in sources}
    planned = {s: p for s, future in plans.items() if (p := done.keep(s, future)) is not None}
    splits = {s: land.fan_out(plan) for s, plan in planned.items()}
    parts = {s: [done.keep(s, part) for part in futures] for s, futures in splits.items()}
    commits = {s: land.commit(planned[s], p) for s, p in parts.items() if s not in done.errors}
    done.landed |= {s: facts for s, future in commits.items() if (facts := done.keep(s, future)) is not None}

    plans = {s: refine.plan_refining.submit(s, run) for s in sources if s not in done.errors}
    planned = {s: p for s, future in plans.items() if (p := done.keep(s, future)) is not None and p["groups"]}
    groups = {s: refine.fan_out(plan) for s, plan in planned.items()}
    parts = {s: [done.keep(s, part) for part in futures] for s, futures in groups.items()}
    commits = {s: refine.commit(planned[s], p) for s, p in parts.items() if s not in done.errors}
    done.refined |= {s: facts for s, future in commits.items() if (facts := done.keep(s, future)) is not None}


if __name__ == "__main__":
    import sys

    from tasks._running import by_hand

    raise SystemExit(by_hand(ingest, sys.argv[1:] or None))
