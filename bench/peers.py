"""Where the peers live: `.venv-peers`, made by `make peers` from requirements/peers.txt.

They want other versions than Sluice (DuckDB 1.5, whose PostgreSQL scanner is to be had as a package), and nobody who
uses Sluice needs them.
"""

from __future__ import annotations

from pathlib import Path

_ENVIRONMENT = Path(__file__).parent.parent / ".venv-peers"


def python() -> str:
    """The peers' interpreter, for `measure.Program(python=...)`."""
    found = _ENVIRONMENT / "bin" / "python"
    if not found.exists():
        raise RuntimeError(f"{_ENVIRONMENT.name} is not there, and peers are measured in it: run `make peers`")
    return str(found)


def postgres_scanner() -> str:
    """For a program that runs in the peers' interpreter: what DuckDB has to LOAD to read PostgreSQL."""
    import duckdb_extension_postgres_scanner as package

    return str(next(Path(package.__path__[0]).rglob("*.duckdb_extension")))
