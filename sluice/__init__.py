"""Sluice publishes data products that readers can trust: complete and audited, or the previous safe version."""

__version__ = "0.1.0"
