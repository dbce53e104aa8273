"""Years of hourly commits in minutes: one real hour is run, and its log entries are written again for every other one.

Each entry differs from the one that was copied in what a run would have made different: times, names, versions, the
file that a partition's new one replaces. Checkpoints are delta-rs' own, at the versions where it writes them. Data
files are links to the one of the real hour.
"""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

from deltalake import DeltaTable

from bench.history import hours
from sluice.lake import naming

_RUN = "RUN-OF-TEMPLATE"
_TABLES = (f"bronze/{hours.SOURCE}", f"quarantine/{hours.SOURCE}", f"silver/{hours.SOURCE}", f"gold/{hours.PRODUCT}")
_CHECKPOINTS = 100  # delta-rs' default


def make(folder: Path, count: int) -> None:
    """`folder/lake` with so many hours behind it."""
    template = folder / "template"
    hours.run_hour(template, 0, _RUN)
    for table in _TABLES:
        source, target = template / "lake" / table / "_delta_log", folder / "lake" / table / "_delta_log"
        target.mkdir(parents=True)
        shutil.copy(source / _entry(0), target)
        data = next((template / "lake" / table).rglob("*.parquet"), None)
        _fill(target, (source / _entry(1)).read_text(), data, count)
    shutil.rmtree(template)


def _fill(log: Path, template: str, data: Path | None, count: int) -> None:
    before = ""
    for number in range(count):
        text = _entry_of(template, number)
        added = next((line for line in text.splitlines() if line.startswith('{"add"')), "")
        if before and _partition(before) == _partition(added) != "{}":
            text += _removal(before) + "\n"
        if data is not None:
            file = log.parent / json.loads(added)["add"]["path"]
            file.parent.mkdir(exist_ok=True)
            file.hardlink_to(data)
        (log / _entry(number + 1)).write_text(text)
        if (number + 2) % _CHECKPOINTS == 0:
            DeltaTable(log.parent).create_checkpoint()
        before = added


def _entry_of(template: str, number: int) -> str:
    """The entry of hour 0 as hour `number` would have written it."""
    start = hours.BEGAN + timedelta(hours=number)
    ran = start + timedelta(hours=1, minutes=10)
    label = f"{start:%Y-%m-%dT%H%z}"
    text = template.replace("2023-01-01T00+0000", label).replace(_RUN, f"{ran:%Y%m%dT%H%M%S}{number:08x}")
    for mark, at in (("T00:00:00", start), ("T00:30:00", start + timedelta(minutes=30)), ("T01:10:00", ran)):
        text = text.replace(f"2023-01-01{mark}", f"{at:%Y-%m-%dT%H:%M:%S}")
    text = text.replace("2023-01-01", f"{start:%Y-%m-%d}").replace(str(hours.FIRST_ID), str(hours.FIRST_ID + number))
    text = re.sub(r'("timestamp"|"modificationTime"):\d+', rf"\1:{int(ran.timestamp() * 1000)}", text)
    text = re.sub(r"\b[0-9a-f]{16}-[0-9a-f]{16}-0000-", f"{number:016x}-{naming.digest(label)}-0000-", text)
    text = re.sub(r'((?:bronze_version|version|sales)\\": )1\b', rf"\g<1>{number + 1}", text)
    return re.sub(r'("appId":"(?:land|refine)/[^"]*","version":)1\b', rf"\g<1>{number + 1}", text)


def _partition(added: str) -> str:
    return json.dumps(json.loads(added)["add"]["partitionValues"]) if added else "{}"


def _removal(added: str) -> str:
    file = json.loads(added)["add"]
    kept = {name: file[name] for name in ("path", "partitionValues", "size")}
    gone = {"deletionTimestamp": file["modificationTime"], "dataChange": True, "extendedFileMetadata": True}
    return json.dumps({"remove": kept | gone}, separators=(",", ":"))


def _entry(version: int) -> str:
    return f"{version:020}.json"
