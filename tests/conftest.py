"""What holds for every test: no telemetry, no settings of the person who runs them."""

from __future__ import annotations

import os

from hypothesis import settings

for name in [n for n in os.environ if n.startswith("SLUICE_") and n != "SLUICE_CORPORA"]:
    del os.environ[name]
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"

# A loaded machine is slow, not wrong: examples have no deadline.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")
