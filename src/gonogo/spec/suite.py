"""Suites (what runs) and policies (what ready means)."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field, field_validator, model_validator

from gonogo.core.outcome import Area, Severity
from gonogo.spec.base import Seconds, Spec
from gonogo.spec.expectation import ExpectationSpec
from gonogo.spec.protected import ProtectedSpec


class SuiteSpec(Spec):
    """Which verifications run: glob patterns over ids, in this order."""

    suite: str
    title: str = ""
    policy: str = "base"
    run: tuple[str, ...] = Field(min_length=1)
    skip: tuple[str, ...] = ()
    durations: dict[str, Seconds] = Field(default_factory=dict)  # load profile id -> its duration in this suite


class GatesSpec(Spec):
    """Which severities gate."""

    severity: tuple[Severity, ...] = (Severity.CRITICAL, Severity.HIGH)


class WaiverSpec(Spec):
    """A permission for one item to fail, for a while. `expires` is inclusive, UTC, at most 180 days after the run."""

    id: str
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    approved_by: str = Field(min_length=1)
    expires: date

    @model_validator(mode="after")
    def _two_people(self) -> WaiverSpec:
        if self.approved_by == self.owner:
            raise ValueError("approved_by must be somebody else than owner: nobody waives a gate alone")
        return self

    @field_validator("expires", mode="before")
    @classmethod
    def _iso_date(cls, value: Any) -> Any:
        if isinstance(value, str):
            return date.fromisoformat(value)
        raise ValueError(f"{value!r} is not an ISO date such as 2027-01-31")


class PolicySpec(Spec):
    """What ready means for this team. `extends` names another policy whose values stand where this one is silent."""

    policy: str
    extends: str | None = None
    gates: GatesSpec | None = None
    require: tuple[str, ...] = ()
    require_recent: dict[str, Seconds] = Field(default_factory=dict)  # id -> within which time it must have passed
    max_age: Seconds | None = None
    accept_unsupported: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, ExpectationSpec] = Field(default_factory=dict)
    areas: dict[Area, float] = Field(default_factory=dict)
    waivers: tuple[WaiverSpec, ...] = ()
    protected: ProtectedSpec = Field(default_factory=ProtectedSpec)  # what --allow-destructive must never reach
