"""`kind: http`: JSON APIs, page by page, under one deadline."""

from sluice.sources.http.connector import connect

__all__ = ["connect"]
