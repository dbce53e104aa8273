"""`python -m sluice.catalog docs/reference` writes the JSON Schemas there."""

import sys
from pathlib import Path

from sluice.catalog.schemas import rendered

for name, text in rendered().items():
    (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")
