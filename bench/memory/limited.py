"""Another program under `ulimit -v`: python -m bench.memory.limited BYTES MODULE ARGUMENTS…"""

from __future__ import annotations

import os
import resource
import sys


def main() -> None:
    size = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])


if __name__ == "__main__":
    main()
