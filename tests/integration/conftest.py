"""The servers that tests in this folder may ask for."""

from tests.support.postgres import database, postgres

__all__ = ["database", "postgres"]
