"""Reports people read in the orchestrator's UI: markdown from facts, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST = 60

_WORDS = {
    "published": "published",
    "degraded": "published, with an input missing",
    "unchanged": "nothing new",
    "refused": "**refused**: readers keep the previous version",
    "failed": "**not built**: readers keep the previous version",
}


def published(done: Any) -> str:
    """What became of each interval of one product, with its checks and its difference."""
    lines = [f"# {done.product}", "", f"Run `{done.run}`, {_path(done.path)}."]
    if done.version is not None:
        lines.append(f"Published as version {done.version} of `gold.{done.product}`, in one commit.")
    lines += ["", "| interval | outcome | rows | why |", "|---|---|---:|---|"]
    for label, outcome in done.outcomes.items():
        lines.append(f"| {label} | {_WORDS[outcome]} | {done.rows.get(label, '')} | {_cell(done.reasons.get(label))} |")
    for label, checks in done.checks.items():
        lines += ["", f"## {label}", "", *_checks(checks), "", *_difference(done.diffs.get(label))]
    return "\n".join([*lines, *_costs(done.cost)])


def ingested(sources: Iterable[Mapping[str, Any]]) -> str:
    """Rows landed, refined and set aside, by source; failures with what to do."""
    lines = ["# Ingestion", "", "| source | landed | in silver | quarantined | superseded | says |",
             "|---|---:|---:|---:|---:|---|"]  # fmt: skip
    costs: dict[str, Mapping[str, Any]] = {}
    for each in sources:
        if error := each.get("error"):
            lines.append(f"| {each['source']} | | | | | **{error['code']}** {_cell(error['what'])} |")
            continue
        counts = each["counts"].values()
        sums = [sum(c[k] for c in counts) for k in ("silver", "quarantined", "superseded")]
        says = [n["what"] for n in each["notices"]] + [r["what"] for r in each["refused"].values()]
        if not each["rows"] and not says:
            says = ["nothing new"]
        lines.append(f"| {each['source']} | {each['rows']} | {' | '.join(map(str, sums))} | {_cell('; '.join(says))} |")
        costs |= {f"{stage} {each['source']}": cost for stage, cost in each.get("cost", {}).items()}
    return "\n".join([*lines, *_costs(costs)])


def _checks(checks: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = ["| says | severity | check | observed | limit |", "|---|---|---|---|---|"]
    for check in sorted(checks, key=lambda c: bool(c["success"])):  # what failed comes first
        says = "passed" if check["success"] else "**failed**"
        observed = _cell(check["observed"])
        if check["samples"]:
            observed += f", for example {_cell(', '.join(str(s) for s in check['samples'][:5]))}"
        # Names without underscores break into lines; a formula as long as a page would push the rest out of it.
        expect = check["expect"].removeprefix("expect_").replace("_", " ")
        expect = expect if len(expect) <= _LONGEST else f"{expect[:_LONGEST]} …"
        lines.append(
            f"| {says} | {check['severity']} | {check['id']} {_cell(expect)} | {observed} | {_cell(check['limit'])} |"
        )
    return lines


def _difference(diff: Mapping[str, Any] | None) -> list[str]:
    if not diff:
        return []
    against = diff["against"]
    says = "The first version of this interval:" if against is None else f"Difference against version {against}:"
    lines = [says, "", "| | before | now |", "|---|---:|---:|"]
    for name, (old, new) in {"rows": diff["rows"], **diff["metrics"]}.items():
        lines.append(f"| {name} | {'' if old is None else old} | {'' if new is None else new} |")
    return lines


def _costs(stages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What each stage took. Its pieces are splits, groups of days or runs of intervals; the peak is the process's."""
    rows = [
        f"| {stage} | {cost['rows']:,} | {_size(cost['bytes'])} | {cost['pieces']}, {cost['at_a_time']} at a time "
        f"| {cost['cpu_s']:.1f} | {cost['wall_s']:.1f} | {cost['peak_mb']:,} of {cost['cap_mb']:,} |"
        for stage, cost in stages.items()
        if cost
    ]
    if not rows:
        return []
    heading = "| stage | rows | written | pieces of work | CPU s | wall s | peak MB of cap |"
    return ["", "## What it took", "", heading, "|---|---:|---:|---|---:|---:|---:|", *rows]


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MB" if size >= 2**20 else f"{size / 2**10:,.1f} KB"


def _path(path: str) -> str:
    return {
        "eager": "built in memory",
        "chunked": "built by runs of intervals, each in memory",
        "streaming": "built by the streaming engine, one interval at a time",
    }[path]


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
