"""One ingestion through the flow, by threads or by a Dask cluster that is started for it.

python -m bench.dask.service --processes 2      (0: threads; SLUICE_* and PREFECT_* say where)
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.measure import Report
from sluice.lake.naming import digest
from sluice.settings import load
from sluice.steps.workspace import Workspace

SOURCES = ["orders", "lineitem"]
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--threads", type=int, default=4, help="In all, shared out between the processes.")
    options = parser.parse_args()
    os.environ["SLUICE_WORKERS"] = str(options.threads)
    report = Report()
    with ExitStack() as stack:
        cluster = []
        if options.processes:
            with report.stage("start"):
                cluster = stack.enter_context(_cluster(options.processes, options.threads // options.processes))
        begun = [_cpu(pid) for pid in cluster]
        _ingest(report)
        used = [_cpu(pid) - before for pid, before in zip(cluster, begun, strict=True)]
        report.facts |= {"start_cpu": sum(begun), "scheduler_cpu": sum(used[:1]), "workers_cpu": sum(used[1:])}
        report.facts["worker_peaks_mb"] = [_peak_mb(pid) for pid in cluster[1:]]
    ws = Workspace.of(load())
    files = {s: [f.content for f in ws.silver(s).snapshot().files()] for s in SOURCES}  # type: ignore[union-attr]
    report.facts["silver"] = digest(*(each for s in SOURCES for each in sorted(files[s])))
    report.hand_back()


def _ingest(report: Report) -> None:
    with report.stage("import"):
        from flows.ingest import ingest
    with report.stage("run") as cost:
        cost.rows = sum(int(facts["rows"]) for facts in ingest(SOURCES))


@contextmanager
def _cluster(processes: int, threads: int) -> Iterator[list[int]]:
    """The scheduler's process id and those of its workers, which have imported what they need."""
    from distributed import Client

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    commands = [["dask_scheduler", "--host", "127.0.0.1", "--port", port]]
    commands += [["dask_worker", address, "--nthreads", str(threads), "--no-nanny"]] * processes
    running = [
        subprocess.Popen([sys.executable, "-m", f"distributed.cli.{command}", *rest, "--dashboard-address", ":0"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command, *rest in commands
    ]  # fmt: skip
    try:
        with Client(address) as client:
            client.wait_for_workers(processes)
            client.run(_warm)
        os.environ["SLUICE_RUNNER"] = address
        yield [each.pid for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()


def _warm() -> None:
    import deltalake  # noqa: F401

    import flows.ingest  # noqa: F401


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
