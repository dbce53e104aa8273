"""A product's contract: what is published, from what, when, and what must hold before readers see it."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from sluice.model.contract import Column, Contract, Duration, GateRule, Name, Severity, Share, Strict
from sluice.model.interval import Calendar, Unit


class Owners(Strict):
    platform: str = Field(min_length=1)
    business: str = Field(min_length=1)


class Schedule(Strict):
    cron: str
    timezone: str = "UTC"
    start: date = Field(description="The first interval that should exist.")
    catch_up: Literal["all", "latest", "none"] = "all"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {value!r}") from error
        return value

    @field_validator("cron")
    @classmethod
    def _valid_cron(cls, value: str) -> str:
        from datetime import UTC, datetime

        from cronsim import CronSim, CronSimError

        try:
            CronSim(value, datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"not a cron expression: {error}") from error
        return value


class Input(Strict):
    """A source's silver table or another product's gold table."""

    source: Name | None = None
    product: Name | None = None
    required: bool = Field(True, description="Without an optional input the product is published as degraded.")
    as_of: Literal["interval", "latest"] = Field(
        "interval", description="interval: the rows of the interval; latest: the newest snapshot."
    )
    lookback: Duration | None = Field(None, description="How much before the interval the transform also reads.")
    wait: Duration | None = Field(None, description="How long a late input is waited for. Not acted on yet.")

    @model_validator(mode="after")
    def _one_place(self) -> Input:
        if (self.source is None) == (self.product is None):
            raise ValueError("an input is either a source or a product")
        return self


class Output(Strict):
    key: list[str] = Field(min_length=1)
    interval: str = Field(description="The column that says which interval a row belongs to.")
    columns: dict[Name, Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_exist(self) -> Output:
        for field, names in (("key", self.key), ("interval", [self.interval])):
            for name in names:
                if name not in self.columns:
                    raise ValueError(f"output.{field} names {name!r}, which is not among the columns")
        if self.columns[self.interval].parsed.name not in ("date", "timestamp"):
            raise ValueError(f"output.interval {self.interval!r} must be a date or a timestamp")
        return self


class Reconciliation(Strict):
    """Two sums that must agree: one over the candidate, one over the inputs it was made from."""

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,40}$")
    gold: str
    inputs: str
    tolerance: float = Field(0, ge=0)
    severity: Severity = "critical"


class Volume(Strict):
    """Bounds on an interval's rows against the median of its own history."""

    low: Share | None = None
    high: float | None = Field(None, gt=1, description="A factor, e.g. 3.0.")
    against: str = Field("8 same weekdays", pattern=r"^\d{1,3} (same weekdays|intervals)$")
    severity: Severity = "critical"


class Freshness(Strict):
    by: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local time at which the interval must be out.")
    days: Literal["all", "business"] = "all"


class LateData(Strict):
    auto: Duration = Field("7d", validate_default=True)


class Alerts(Strict):
    route: str


class Slo(Strict):
    runs: Share | None = None
    p95: Duration | None = None
    refused: Share | None = None


class ProductContract(Contract):
    """One YAML file; beside it, one pure function in transform.py."""

    product: Name
    title: str = Field(min_length=3)
    owners: Owners
    tags: list[str] = Field(min_length=1)
    consumers: list[str] = Field(default_factory=list, description="Who reads it; told of changes. Not acted on yet.")
    schedule: Schedule
    interval: Unit = "day"
    inputs: dict[Name, Input] = Field(min_length=1)
    output: Output
    gate: list[GateRule] = Field(min_length=1)
    reconcile: list[Reconciliation] = Field(default_factory=list)
    metrics: dict[Name, str] = Field(default_factory=dict, description="Named aggregates shown in previews and diffs.")
    volume: Volume | None = None
    freshness: Freshness
    late_data: LateData = LateData()
    rollback_window: Duration = Field(
        "30d", validate_default=True, description="How long old versions stay readable. Nothing is removed yet."
    )
    alerts: Alerts = Field(description="Who is told when something is wrong. Not acted on yet.")
    slo: Slo = Field(Slo(), description="What the product promises over a month. Not acted on yet.")

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.interval, self.schedule.timezone)

    @model_validator(mode="after")
    def _sane(self) -> ProductContract:
        ids = [rule.id for rule in self.gate] + [rule.id for rule in self.reconcile]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"two rules are called {twice[0]!r}")
        if any(each.product == self.product for each in self.inputs.values()):
            raise ValueError("a product cannot read itself")
        return self


def product_schema() -> dict[str, Any]:
    return ProductContract.model_json_schema(by_alias=True)
