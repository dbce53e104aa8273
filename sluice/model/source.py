"""A source's contract: where its rows come from, what they must look like, and what happens when they do not."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, TypeAdapter, field_validator, model_validator

from sluice.model.contract import Column, Contract, Duration, Name, RowRule, Share, Strict


class Cursor(Strict):
    """Rows past the last cursor value; the overlap plus key dedupe covers equal and late timestamps."""

    mode: Literal["cursor"]
    column: str
    overlap: Duration | None = None


class ByInterval(Strict):
    """Exactly [start, end) of the event time, replacing what was landed for it before."""

    mode: Literal["interval"]
    lookback: Duration | None = None


class Full(Strict):
    """The whole relation each time, as a snapshot; an unchanged snapshot is not landed again."""

    mode: Literal["full"]


class Files(Strict):
    """A landed file once, by uri, etag and size; a changed file replaces its former rows."""

    mode: Literal["files"]


PositionMode = Annotated[Cursor | ByInterval | Full | Files, Field(discriminator="mode")]


class Splits(Strict):
    """The dynamic fan-out: by a key's ranges, by pages, or by files."""

    by: str | None = Field(None, description="Column to cut into ranges (databases).")
    rows: int = Field(500_000, ge=1)
    pages: int = Field(50, ge=1)
    files: int = Field(50, ge=1)
    bytes: int = Field(256 * 1024 * 1024, ge=1)


class Limits(Strict):
    """What the source can bear."""

    concurrency: int = Field(4, ge=1, le=256)
    rate: str | None = Field(None, pattern=r"^\d+(\.\d+)?/(s|m|h)$", description="Requests, as 10/s, 60/m or 1000/h.")


class Retry(Strict):
    attempts: int = Field(4, ge=1, le=20)
    first: Duration = Field("2s", validate_default=True)
    cap: Duration = Field("5m", validate_default=True)


class Breaker(Strict):
    failures: int = Field(5, ge=1)
    cool_down: Duration = Field("5m", validate_default=True)


class LatePolicy(Strict):
    expected_by: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    wait: Duration


class SourceBase(Contract):
    """Everything but the connector's own section."""

    source: Name
    owner: str = Field(min_length=1)
    tags: list[str] = Field(default_factory=list)
    connection: Name | None = Field(
        None,
        description="A name; its address comes from SLUICE_CONNECTIONS__<NAME> or a Secret block.",
    )
    position: PositionMode
    event_time: str | None = Field(None, description="The column that decides a row's partition.")
    event_time_fixed: bool = Field(
        False, description="A key never moves to another day; saves looking for it in the other partitions."
    )
    timezone: str = "UTC"
    key: list[str] = Field(default_factory=list)
    latest_by: str | None = Field(None, description="Which of two rows with one key wins.")
    splits: Splits = Splits()
    columns: dict[Name, Column] = Field(min_length=1)
    rules: list[RowRule] = Field(default_factory=list)
    unknown_columns: Literal["keep", "drop", "refuse"] = "keep"
    reject_budget: Share = Field("1%", validate_default=True)
    limits: Limits = Limits()
    retry: Retry = Retry()
    breaker: Breaker = Field(Breaker(), description="When to stop asking a source that fails. Not acted on yet.")
    late: LatePolicy | None = Field(None, description="How long a late source is waited for. Not acted on yet.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {value!r}") from error
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> SourceBase:
        named: dict[str, list[str | None]] = {
            "event_time": [self.event_time],
            "key": [*self.key],
            "latest_by": [self.latest_by],
            "position.column": [self.position.column] if isinstance(self.position, Cursor) else [],
            "splits.by": [self.splits.by],
        }
        for field, columns in named.items():
            for column in columns:
                if column is not None and column not in self.columns:
                    raise ValueError(f"{field} names {column!r}, which is not among the columns")
        if self.event_time and self.columns[self.event_time].parsed.name not in ("date", "timestamp"):
            raise ValueError(f"event_time {self.event_time!r} must be a date or a timestamp")
        if isinstance(self.position, Cursor):
            cursor = self.columns[self.position.column].parsed.name
            if not (cursor.startswith("int") or cursor in ("date", "timestamp")):
                raise ValueError(f"position.column {self.position.column!r} must be an integer, a date or a timestamp")
        if isinstance(self.position, Cursor) and self.key and not self.event_time:
            raise ValueError("position mode cursor with a key needs event_time: it says in which day the key stands")
        if isinstance(self.position, ByInterval) and not self.event_time:
            raise ValueError("position mode interval needs event_time")
        ids = [rule.id for rule in self.rules]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"two rules are called {twice[0]!r}")
        return self


class PostgresSource(SourceBase):
    """A relation or a query of a PostgreSQL database."""

    kind: Literal["postgres"]
    relation: str | None = Field(None, pattern=r"^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$")
    query: str | None = Field(None, description="A SELECT; :start, :end and :position are bound, never formatted.")
    statement_timeout: Duration = Field("10m", validate_default=True)

    @model_validator(mode="after")
    def _one_place(self) -> PostgresSource:
        if (self.relation is None) == (self.query is None):
            raise ValueError("give either relation or query")
        if self.connection is None:
            raise ValueError("kind postgres needs a connection")
        return self


class BasicAuth(Strict):
    type: Literal["basic"]
    username: str
    secret: Name = Field(description="The name of the password's secret: SLUICE_SECRETS__<NAME> or a Secret block.")


class BearerAuth(Strict):
    type: Literal["bearer"]
    secret: Name


class ApiKeyAuth(Strict):
    type: Literal["api_key"]
    secret: Name
    header: str | None = None
    param: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> ApiKeyAuth:
        if (self.header is None) == (self.param is None):
            raise ValueError("an API key goes either into a header or into a param")
        return self


class PageNumber(Strict):
    type: Literal["page"]
    param: str = "page"
    size_param: str | None = "per_page"
    size: int = Field(500, ge=1)
    first: int = 1
    total: str | None = Field(None, description="Dotted path of the total number of records in the body.")
    total_pages: str | None = Field(None, description="Dotted path of the total number of pages in the body.")


class Offset(Strict):
    type: Literal["offset"]
    param: str = "offset"
    size_param: str = "limit"
    size: int = Field(500, ge=1)
    total: str | None = None


class CursorPaging(Strict):
    type: Literal["cursor"]
    param: str = "cursor"
    next: str = Field(description="Dotted path of the next cursor in the body.")
    size_param: str | None = None
    size: int = Field(500, ge=1)


class NextUrl(Strict):
    type: Literal["next_url"]
    next: str = Field(description="Dotted path of the next page's URL in the body.")


class LinkHeader(Strict):
    type: Literal["link"]
    rel: str = "next"


class SinglePage(Strict):
    type: Literal["single"]


Auth = Annotated[BasicAuth | BearerAuth | ApiKeyAuth, Field(discriminator="type")]
Paging = Annotated[PageNumber | Offset | CursorPaging | NextUrl | LinkHeader | SinglePage, Field(discriminator="type")]


class HttpSource(SourceBase):
    """A JSON API."""

    kind: Literal["http"]
    base_url: str | None = Field(None, pattern=r"^https?://")
    path: str = ""
    params: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Query parameters; {start}, {end} and {position} are filled in."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Fixed headers; never credentials.")
    auth: Auth | None = None
    paging: Paging = SinglePage(type="single")
    records: str = Field("", description="Dotted path of the list of records in the body; empty: the body itself.")
    hosts: list[str] = Field(default_factory=list, description="Allowed hosts besides that of the base URL.")
    private_hosts: bool = Field(False, description="Allow loopback and private addresses.")
    deadline: Duration = Field("15m", validate_default=True)
    timeout: Duration = Field("30s", validate_default=True)
    max_body: int = Field(64 * 1024 * 1024, ge=1024, description="Bytes, before and after decompression.")

    @model_validator(mode="after")
    def _one_place(self) -> HttpSource:
        if (self.base_url is None) == (self.connection is None):
            raise ValueError("give either base_url or connection")
        if self.position.mode == "files":
            raise ValueError("kind http reads by cursor, interval or full")
        return self


class Csv(Strict):
    """How a CSV file is written; RFC 4180 by default."""

    delimiter: str = Field(",", min_length=1, max_length=1)
    quote: str | None = Field('"', min_length=1, max_length=1)
    encoding: Literal["utf-8", "utf-8-sig", "cp1251", "cp1252", "latin-1"] = "utf-8"
    header: bool = True
    null: str | None = Field("", description="The unquoted text that means null.")


class FilesSource(SourceBase):
    """Files that others drop into a folder or an S3 prefix."""

    kind: Literal["files"]
    uri: str | None = Field(None, description="A folder or s3://bucket/prefix; or use connection.")
    glob: str = Field("*", description="Which names below it, e.g. till_*.csv or **/*.parquet.")
    format: Literal["csv", "ndjson", "json", "parquet"]
    csv: Csv = Csv()
    records: str = Field("", description="format json: dotted path of the list of records.")
    stable_for: Duration = Field("2s", validate_default=True)
    manifest: str | None = Field(None, description="Suffix of the marker that says a file is complete, e.g. .done")
    max_bytes: int = Field(16 * 1024**3, ge=1)
    parse_seconds: int = Field(600, ge=1, description="Time limit of the child process that parses an untrusted file.")
    parse_memory_mb: int = Field(4096, ge=256)

    @model_validator(mode="after")
    def _one_place(self) -> FilesSource:
        if (self.uri is None) == (self.connection is None):
            raise ValueError("give either uri or connection")
        if self.position.mode != "files":
            raise ValueError("kind files has position mode files")
        return self


SourceContract = PostgresSource | HttpSource | FilesSource
_source: TypeAdapter[Any] = TypeAdapter(Annotated[SourceContract, Field(discriminator="kind")])


def parse_source(document: dict[str, Any]) -> SourceContract:
    """Raises pydantic.ValidationError; the catalog turns it into file, line and nearest word."""
    contract: SourceContract = _source.validate_python(document)
    return contract


def source_schema() -> dict[str, Any]:
    return _source.json_schema(by_alias=True)
