"""What source and product contracts share: strictness, names, durations, shares, columns and rules."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator

from sluice.model.columns import ColumnType

Severity = Literal["critical", "warning", "info"]
Name = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Lower-case letters, digits and underscores.")
]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (match := _DURATION.match(value.strip())):
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    if isinstance(value, timedelta):
        return value
    raise ValueError("expected a duration like 30s, 5m, 2h or 7d")


def _share(value: Any) -> Any:
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            share = float(value.strip()[:-1]) / 100
        except ValueError:
            share = -1.0
        if 0 <= share <= 1:
            return share
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ValueError("expected a share like 1% or 0.01")


def _say_duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    PlainSerializer(_say_duration, return_type=str),
]
Share = Annotated[
    float,
    BeforeValidator(_share, json_schema_input_type=str | float),
    PlainSerializer(lambda v: f"{v * 100:g}%", return_type=str),
]


class Strict(BaseModel):
    """Unknown keys are errors: a misspelt rule must not be a rule that never runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Column(Strict):
    """One column of a source or of a product's output."""

    type: str = Field(description="string, bool, int64, float64, decimal(p,s), date, timestamp, uuid, json, array(t) …")
    source_name: str | None = Field(None, alias="from", description="The name in the source, or a dotted path in JSON.")
    nullable: bool = True
    one_of: list[Any] | None = Field(None, min_length=1)
    min: Any = None
    max: Any = None
    regex: str | None = None
    clean: list[Literal["trim", "lower", "upper", "empty_to_null"]] = Field(
        default_factory=list, description="Standardising steps, in this order, before any rule."
    )
    format: str | None = Field(None, description="strptime format of a date or timestamp that is not ISO 8601.")
    unit: str | None = None
    description: str | None = None

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        return str(ColumnType.parse(value))

    @field_validator("regex")
    @classmethod
    def _valid_regex(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return value

    @property
    def parsed(self) -> ColumnType:
        return ColumnType.parse(self.type)


class Expectation(Strict):
    """An expectation in Great Expectations' own vocabulary."""

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,40}$")
    expect: str = Field(pattern=r"^expect_[a-z_A-Z]+$", description="A Great Expectations expectation type.")
    args: dict[str, Any] = Field(default_factory=dict, alias="with")
    description: str | None = None


class RowRule(Expectation):
    """A rule every row of a source must meet; set rules (uniqueness) say what becomes of the group."""

    on_fail: Literal["quarantine", "keep_latest", "refuse", "report"] = Field(
        "quarantine",
        description="quarantine: the row is set aside; keep_latest: all rows of a duplicate group but the latest are; "
        "refuse: the partition is refused; report: counted only.",
    )


class GateRule(Expectation):
    """An expectation on a candidate: critical refuses, warning publishes with a caveat, info is recorded."""

    severity: Severity = "critical"


class Contract(Strict):
    """What both kinds of contract carry."""

    version: str = Field("1", description="The author's version of this contract; it stands in every commit.")
    description: str = Field(min_length=10)
    warnings: list[str] = Field(default_factory=list, description="What users of the data should know.")

    @property
    def hash(self) -> str:
        """Twelve hex digits over the whole contract: equal contracts, equal hash."""
        body = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()[:12]
