"""Sluice publishes data products that readers can trust: complete and audited, or the previous safe version."""

from sluice.allocators import prepare

__version__ = "0.1.0"

prepare()
