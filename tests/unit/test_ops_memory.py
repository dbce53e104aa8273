"""One cap, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.errors import Misconfigured
from sluice.ops import memory
from sluice.ops.memory import GB, MB, Cap
from sluice.pages import report
from sluice.settings import Settings
from sluice.steps import room


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * GB), ("512 MB", 512 * MB), ("1.5GiB", 1536 * MB), ("768m", 768 * MB), ("1073741824", GB)],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    """Powers of 1,024, as the limits that it has to keep to are counted."""
    assert memory.parse(text) == size


@pytest.mark.parametrize("text", ["much", "2 pounds", "-1GB", "GB", "1e9"])
def test_what_is_no_size_is_a_wrong_setting(text: str) -> None:
    """A cap that is silently ignored is none."""
    with pytest.raises(ValueError, match="is no size"):
        Settings(_env_file=None, memory=text)  # type: ignore[call-arg]


def test_a_cap_that_is_too_small_says_what_would_be_enough() -> None:
    """Half a run that the kernel ends is worse than none."""
    with pytest.raises(Misconfigured) as caught:
        _ = Cap(512 * MB).working
    assert caught.value.code == "memory.too_small"
    assert "512 MB" in caught.value.what
    assert "640 MB" in caught.value.remedy


def test_the_limit_that_is_named_is_enough_for_the_work_that_was_refused() -> None:
    """An operator who does what the message says must not meet it again."""
    error = memory.refuse("refining 2026-05-04", 3 * GB, Cap(GB), "bronze.sales")
    enough = memory.parse(error.remedy.split("SLUICE_MEMORY=")[1].split(" ")[0])
    assert Cap(enough).working >= 3 * GB


def test_the_lowest_limit_of_the_groups_above_counts(tmp_path: Path) -> None:
    """A container's own group may have no limit, and its pod's one."""
    own = tmp_path / "cgroup"
    own.write_text("0::/pod/container\n")
    for folder, limit in (("", "max"), ("pod", str(GB)), ("pod/container", str(2 * GB))):
        (tmp_path / "fs" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / folder / "memory.max").write_text(f"{limit}\n")
    assert memory._container(own, tmp_path / "fs") == GB
    own.write_text("4:cpu,memory:/old\n3:pids:/pod\n")
    (tmp_path / "fs/memory/old").mkdir(parents=True)
    (tmp_path / "fs/memory/old/memory.limit_in_bytes").write_text(f"{512 * MB}\n")
    assert memory._container(own, tmp_path / "fs") == 512 * MB
    assert memory._container(tmp_path / "none", tmp_path / "fs") is None


def test_a_stage_is_the_sum_of_pieces_that_ran_side_by_side() -> None:
    """Wall time is from the first to the last; CPU adds up; the peak is the highest."""
    costs = [
        {"cpu_s": 1.0, "began": 10.0, "ended": 12.0, "peak_mb": 300, "cap_mb": 1024},
        {"cpu_s": 2.0, "began": 11.0, "ended": 15.0, "peak_mb": 500, "cap_mb": 1024},
        {"cpu_s": 0.5, "began": 12.0, "ended": 13.0, "peak_mb": 400, "cap_mb": 1024},
    ]
    stage = room.total(costs, rows=7, size=2 * MB)
    assert stage == {
        "rows": 7, "bytes": 2 * MB, "pieces": 3, "at_a_time": 2, "cpu_s": 3.5, "wall_s": 5.0, "peak_mb": 500,
        "cap_mb": 1024,
    }  # fmt: skip
    page = report.ingested([{"source": "sales", "rows": 7, "counts": {}, "notices": [], "refused": {},
                             "cost": {"land": stage, "refine": {}}}])  # fmt: skip
    assert page.splitlines()[-1] == "| land sales | 7 | 2.0 MB | 3, 2 at a time | 3.5 | 5.0 | 500 of 1,024 |"
