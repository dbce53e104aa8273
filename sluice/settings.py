"""Every setting, in one place; read once at the edge and handed down as arguments.

Environment variables begin with SLUICE_; nested ones use two underscores: SLUICE_CONNECTIONS__ORDERS_DB.
A `.env` file in the working directory is read too. Secrets come from the environment or, under Prefect,
from Secret blocks; they never stand in a contract.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sluice.errors import Misconfigured
from sluice.ops.memory import Cap, cap, parse


class Settings(BaseSettings):
    """The whole configuration of one environment."""

    model_config = SettingsConfigDict(
        env_prefix="SLUICE_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    lake: str = Field(".sluice/lake", description="Where the tables live: a folder, or s3://bucket/prefix.")
    catalog: Path = Field(Path("catalog"), description="The folder of sources and products.")
    connections: dict[str, SecretStr] = Field(
        default_factory=dict, description="Addresses by name: DSN, base URL, folder or s3:// prefix."
    )
    secrets: dict[str, SecretStr] = Field(default_factory=dict, description="Secret values by name.")
    storage: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Object-store options: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_REGION …",
    )
    workers: int = Field(4, ge=1, le=256, description="How many splits and partitions one process works on at a time.")
    runner: str = Field(
        "threads",
        description="Where tasks run: `threads` of this process, `dask` for worker processes on this machine, or the "
        "address of a Dask scheduler, tcp://host:8786.",
    )
    memory: str = Field(
        "",
        description="The most that one process may hold, like 2GB or 512MB. Unset: three quarters of what the machine "
        "or the container has.",
    )
    now: datetime | None = Field(
        None, description="Pretend that it is this time: for demonstrations and tests. Unset: the clock."
    )
    actor: str = Field("", description="Who runs this; stands in every commit. Empty: the operating-system user.")

    @field_validator("lake")
    @classmethod
    def _plain_folder(cls, value: str) -> str:
        # Polars takes env=prod in a path for a partition, and delta-rs takes p%20q for `p q`: both read other tables.
        if found := [sign for sign in "=%" if sign in value]:
            raise ValueError(f"the lake's path has a {found[0]!r} in it, which its readers take for something else")
        return value

    @field_validator("runner")
    @classmethod
    def _known_runner(cls, value: str) -> str:
        if value not in ("threads", "dask") and not re.fullmatch(r"(tcp|tls|ws|wss)://[^/\s]+:\d+", value):
            raise ValueError(f"{value!r} is not threads, dask or the address of a scheduler like tcp://host:8786")
        return value

    @field_validator("memory")
    @classmethod
    def _a_size(cls, value: str) -> str:
        if value:
            parse(value)
        return value

    @field_validator("storage")
    @classmethod
    def _no_unsafe_rename(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        # Two writers that rename without a condition overwrite each other's log entry: commits vanish.
        if any(k.upper() == "AWS_S3_ALLOW_UNSAFE_RENAME" for k in value):
            raise ValueError("AWS_S3_ALLOW_UNSAFE_RENAME loses commits and is refused")
        return value

    def storage_options(self) -> dict[str, str]:
        options = {k.lower(): v.get_secret_value() for k, v in self.storage.items()}
        if self.lake.startswith("s3://"):
            if "conditional_put" not in options:  # object_store takes either name, and refuses both
                options.setdefault("aws_conditional_put", "etag")
            if options.get("aws_endpoint_url", "").startswith("http://"):
                options.setdefault("aws_allow_http", "true")
        return options

    def cap(self) -> Cap:
        """What this process may hold, here and now."""
        return cap(self.memory)

    def address(self, name: str) -> str:
        return _named(self.connections, name, "settings.connection", "connection", "SLUICE_CONNECTIONS__")

    def secret(self, name: str) -> str:
        return _named(self.secrets, name, "settings.secret", "secret", "SLUICE_SECRETS__")


def load() -> Settings:
    """The settings of this process; a wrong one is named, never guessed around."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = "SLUICE_" + "__".join(str(part) for part in first["loc"]).upper()
        raise Misconfigured(
            "settings.invalid",
            first["msg"].removeprefix("Value error, "),
            variable,
            f"Correct {variable} and try again.",
        ) from error


def _named(values: dict[str, SecretStr], name: str, code: str, what: str, prefix: str) -> str:
    found = {k.lower(): v for k, v in values.items()}.get(name.lower())
    if found is None:
        variable = prefix + name.upper()
        raise Misconfigured(code, f"no {what} is configured for {name!r}", variable, f"Set {variable}.")
    return found.get_secret_value()
