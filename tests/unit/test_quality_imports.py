"""What may not be imported, and when."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = ("rules", "checks", "formulas", "verdict", "volume", "reconcile", "gate")


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_quality_module_does_not_import_great_expectations(module):
    """It costs seconds and 250 MB: `sluice check` and every step but the audit must not pay for it."""
    heavy = {"great_expectations", "pandas", "pyarrow", "prefect"}
    code = f"import sys, sluice.quality.{module}; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
