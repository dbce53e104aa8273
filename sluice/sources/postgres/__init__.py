"""`kind: postgres`: relations and queries of a PostgreSQL database, read by COPY."""

from sluice.sources.postgres.connector import connect

__all__ = ["connect"]
