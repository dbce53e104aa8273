"""Every way Sluice can stop, as one tree.

    SluiceError(code, what, where, remedy)
    ├── Transient      retry with backoff, then stop             exit 4
    │                  source.unreachable  source.throttled  server.unreachable  workers.lost  lake.conflict …
    ├── Late           wait a bounded time, then escalate        exit 7
    │                  source.late  input.missing
    ├── Broken         never retried; the source's owner mends   exit 5
    │                  source.unauthorised  file.unreadable  contract.missing_column  rejects.over_budget
    ├── Refused        never retried; readers keep the old one   exit 3
    │                  gate.refused  reconcile.mismatch  volume.low
    └── Misconfigured  never retried; the operator mends         exit 6
                       settings.invalid  catalog.invalid  …

Anything else is a bug: never retried, exit 1, the traceback goes to on-call.

The attributes come first and the message is built from them, so that an alert, a log line, `--json`
and a ledger row all say the same thing. `CODES` is the whole vocabulary; each code has a runbook in
`docs/runbooks/` and a test holds the two together.
"""

from __future__ import annotations

from typing import Any, ClassVar

CODES: dict[str, str] = {
    # Transient
    "source.unreachable": "the source did not answer, or broke off",
    "source.throttled": "the source asked us to come back later",
    "server.unreachable": "the Prefect server does not answer",
    "workers.lost": "the Dask scheduler does not answer, or workers were killed one after another",
    "lake.conflict": "another run published the same thing first",
    "lake.unavailable": "the lake's storage did not answer",
    # Late
    "source.late": "the source has nothing for an interval that should be there by now",
    "input.missing": "an input of the product has no data for the interval",
    # Broken
    "source.unauthorised": "the source refused our credentials",
    "source.rejected": "the source refused the request as wrong",
    "source.protocol": "the source broke its own protocol: a truncated body, a repeated cursor, a wrong count",
    "source.too_large": "the source sent more than the contract allows",
    "source.moved": "the source redirected to a host the contract does not allow",
    "file.unreadable": "a landed file cannot be parsed",
    "file.ragged_line": "a line of a landed file does not have the header's number of fields",
    "contract.missing_column": "a column the contract promises is not in the source",
    "contract.unknown_column": "the source has a column the contract refuses",
    "contract.type_drift": "a column's type in the source does not fit the contract",
    "rejects.over_budget": "more rows were rejected than the contract tolerates",
    "lake.corrupt": "a table's log or a data file is damaged",
    "input.refused": "an input of the product was refused for the interval",
    "build.failed": "the product's transform raised an error",
    "build.schema": "the product's transform returned other columns or types than its contract promises",
    # Refused
    "gate.refused": "a critical expectation failed",
    "reconcile.mismatch": "the product does not add up to its inputs",
    "volume.low": "the interval has far fewer rows than its history",
    # Misconfigured
    "settings.invalid": "a setting is missing or has a wrong value",
    "memory.too_small": "a piece of work that cannot be made smaller does not fit in the memory there is",
    "settings.connection": "no address is configured for a connection the contract names",
    "settings.secret": "no value is configured for a secret the contract names",
    "workers.differ": "a Dask worker has another lake, catalog or code than the flow",
    "catalog.invalid": "a contract is not valid",
    "catalog.unknown": "no source or product has that name",
    "catalog.cycle": "products read each other in a circle",
    "catalog.transform": "a product's transform.py cannot be used",
}


class SluiceError(Exception):
    """A failure with a cause, a place and a remedy."""

    disposition: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, what: str, where: str = "", remedy: str = "", **facts: Any) -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is not in sluice.errors.CODES")
        self.code, self.what, self.where, self.remedy, self.facts = code, what, where, remedy, facts
        super().__init__(code, what, where, remedy)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        mend = f"\n  → {self.remedy}" if self.remedy else ""
        return f"{self.code}: {self.what}{place}{mend}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.what, self.where, self.remedy, self.facts)

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "disposition": self.disposition,
            "what": self.what,
            "where": self.where,
            "remedy": self.remedy,
            **({"facts": self.facts} if self.facts else {}),
        }


def _rebuild(
    kind: type[SluiceError], code: str, what: str, where: str, remedy: str, facts: dict[str, Any]
) -> SluiceError:
    return kind(code, what, where, remedy, **facts)


class Transient(SluiceError):
    """Worth another try. `retry_after` (seconds), when the other side named one, is in `facts`."""

    disposition, exit_code = "transient", 4

    @property
    def retry_after(self) -> float | None:
        return self.facts.get("retry_after")


class Late(SluiceError):
    """Not there yet: worth waiting for within the contract's bound."""

    disposition, exit_code = "late", 7


class Broken(SluiceError):
    """The source, or what it sent, is wrong; trying again gives the same."""

    disposition, exit_code = "broken", 5


class Refused(SluiceError):
    """A gate said no. Readers keep the previous version: a named state, not a crash."""

    disposition, exit_code = "refused", 3


class Misconfigured(SluiceError):
    """The operator or the contract's author has to mend something."""

    disposition, exit_code = "misconfigured", 6
