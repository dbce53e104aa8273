"""Prefect shows what happened: artifacts that render in the UI, and the state a run ends in."""

from __future__ import annotations

from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Failed

from sluice.errors import SluiceError
from sluice.pages import report
from sluice.steps import outcomes
from sluice.steps.publish import Published, as_error
from tasks._presets import lake
from tasks._workspace import workspace

# A refusal is a named state that automations can tell from a crash. "Late" is Prefect's own word for a late start.
_NAMES = {"refused": "Refused", "broken": "Broken", "late": "InputLate", "misconfigured": "Misconfigured"}
_GRAVEST_FIRST = ("misconfigured", "broken", "refused", "transient", "late")


@lake(task_run_name="report ingestion")
def report_ingestion(
    run: str, landed: dict[str, Any], refined: dict[str, Any], errors: dict[str, SluiceError], sources: list[str]
) -> list[dict[str, Any]]:
    done = [outcomes.ingested(s, landed.get(s), refined.get(s), errors.get(s)) for s in sources]
    outcomes.record_sources(workspace(), run, done, errors)
    facts = [each.as_dict() for each in done]
    _artifact("ingested", report.ingested(facts), "Rows landed, refined and set aside, by source.")
    return facts


@lake(task_run_name="report {published[product]}")
def report_product(published: dict[str, Any]) -> None:
    done = Published.from_dict(published)
    _artifact(f"verdict-{done.product}", report.published(done), f"What became of {done.product}.")


@lake(task_run_name="report {product} not built")
def report_unbuilt(product: str, labels: list[str], run: str, error: SluiceError) -> dict[str, Any]:
    return outcomes.unbuilt(workspace(), product, labels, run, error).as_dict()


def ending(errors: list[SluiceError]) -> State[Any] | None:
    """The run's final state where it did not go well; calling the flow as a function raises the gravest error."""
    if not errors:
        return None
    worst = min(errors, key=lambda e: _GRAVEST_FIRST.index(e.disposition))
    return Failed(name=_NAMES.get(worst.disposition, "Failed"), message=str(worst), data=worst)


def errors_of(published: list[dict[str, Any]]) -> list[SluiceError]:
    return [error for p in published if (error := as_error(Published.from_dict(p)))]


def _artifact(key: str, markdown: str, description: str) -> None:
    create_markdown_artifact(markdown, key=key.replace("_", "-"), description=description, _sync=True)  # type: ignore[call-arg]
