"""Verifications: checks, load profiles, chaos scenarios and restore drills, as users write them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from gonogo.core.outcome import Area, Effect, Kind, Severity
from gonogo.spec.base import PerSecond, Seconds, Spec
from gonogo.spec.defect import DefectSpec
from gonogo.spec.expectation import ExpectationSpec

LOADS = ("search", "chat", "ingest")
COVERS = re.compile(r"^[A-M]\d{1,2}$")


class VerificationSpec(Spec):
    """What all verifications share. The id is the file's path below its content folder and is never written inside."""

    title: str = Field(min_length=8)
    covers: tuple[str, ...] = ()
    area: Area | None = None
    severity: Severity = Severity.HIGH
    why: str = ""
    remedy: str = ""
    effects: Effect = Effect.READ
    uses: tuple[str, ...] = ()  # things that one item uses at a time: rate_limit, metrics …; quiet_host: all of them
    needs: tuple[str, ...] = ()  # capabilities beyond those of the probe, fault or method
    applies_when: str | None = None  # a fact that must hold, e.g. `standbys`; else not applicable
    time_limit: Seconds | None = None
    expect: dict[str, ExpectationSpec] = Field(default_factory=dict)
    defect: tuple[DefectSpec, ...] = ()

    @field_validator("covers")
    @classmethod
    def _catalogue_lines(cls, covers: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [line for line in covers if not COVERS.match(line)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: a line of the catalogue is a letter A-M and a number, e.g. C1")
        return covers

    @model_validator(mode="after")
    def _defects_name_expectations(self) -> VerificationSpec:
        known = set(self.expectations())
        for defect in self.defect:
            unknown = [name for name in defect.fails if name not in known]
            if unknown:
                raise ValueError(
                    f"a defect names {', '.join(unknown)}, which is no expectation (known: {', '.join(sorted(known))})"
                )
        return self

    def expectations(self) -> dict[str, ExpectationSpec]:
        """All expectations by observation name, also those that the kind implies."""
        return dict(self.expect)


class CheckSpec(VerificationSpec):
    """A declarative readiness check: one probe with its parameters."""

    probe: str
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")

    def expectations(self) -> dict[str, ExpectationSpec]:
        """A check that lists `violations` expects none."""
        implied = (
            {"violations": ExpectationSpec(empty=True)}
            if "violations" in self.with_ and "violations" not in self.expect
            else {}
        )
        return {**implied, **self.expect}


class Arrivals(Spec):
    """An open model: requests start at their intended instants, whatever the answers do."""

    rate: PerSecond
    spacing: str = Field(default="poisson", pattern="^(poisson|even)$")


class TrafficSpec(Spec):
    """What a load's users ask for. `options` is handed to a locustfile of one's own as it stands.

    `requests` weighs the contract's requests: `{search: 8, chat: 1}`. `ingest` and `chat` write.
    """

    requests: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=lambda: {"search": 1.0}, min_length=1)
    k: int = Field(default=10, ge=1)
    timeout: Seconds = 10.0
    seed: int = 1
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("requests")
    @classmethod
    def _requests_that_can_be_made(cls, requests: dict[str, float]) -> dict[str, float]:
        if unknown := [name for name in requests if name not in LOADS]:
            raise ValueError(f"unknown request {', '.join(unknown)}; a load knows: {', '.join(LOADS)}")
        return requests


class LoadSpec(VerificationSpec):
    """A load profile: a locustfile of `loadtests/` (or the user's own) under an open arrival model."""

    effects: Effect = Effect.WRITE  # never beside others: it would measure them, and they it
    users: str
    arrivals: Arrivals
    duration: Seconds
    warm_up: Seconds = 0.0
    with_: TrafficSpec = Field(default_factory=TrafficSpec, alias="with")


class LedgerSpec(Spec):
    """Numbered writes that run underneath a scenario or drill."""

    rate: PerSecond


class DuringSpec(Spec):
    """What runs while faults are held."""

    ledger: LedgerSpec | None = None
    load: str | None = None


class ChaosSpec(VerificationSpec):
    """A chaos scenario: steady state, faults with proof, recovery, counting."""

    effects: Effect = Effect.DISRUPTIVE
    steady_state: tuple[str, ...] = ()
    during: DuringSpec = Field(default_factory=DuringSpec)
    faults: tuple[dict[str, dict[str, Any]], ...] = Field(min_length=1)


class DrillSpec(VerificationSpec):
    """A restore drill: a method of `gonogo.drills` with its parameters."""

    effects: Effect = Effect.WRITE
    method: str
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")


SPEC_BY_KIND: dict[Kind, type[VerificationSpec]] = {
    Kind.CHECK: CheckSpec,
    Kind.LOAD: LoadSpec,
    Kind.CHAOS: ChaosSpec,
    Kind.DRILL: DrillSpec,
}
