"""Findings: what the judge says of each item of the plan, and the judgement as a whole (design §8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from gonogo.core.observation import Observation, Scalar, Table, Timeline
from gonogo.core.outcome import Area, Kind, Outcome, Severity, SkipReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a verification is written."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """An expectation of the plan: every observation called `observation` must satisfy `matcher` `expected`.

    `expected` is in base units; `text` is what the user wrote. `min_n` is the smallest number of samples that counts.
    Where the limit is an objective, `objective` names it and `claimed` is what the stack itself promises, as written.
    """

    observation: str
    matcher: str
    expected: Scalar | tuple[Scalar, ...]
    unit: str = ""
    min_n: int = 1
    text: str = ""
    objective: str = ""
    claimed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """How one expectation came out, with the subjects that fail or are unknown.

    SKIPPED: nothing of it applies to this stack. One that PASSes may still not apply to a part: `reason` says to which.
    """

    observation: str
    matcher: str
    expected: str
    actual: str
    outcome: Outcome
    reason: str = ""
    subjects: tuple[str, ...] = ()


LONGEST_WAIVER_DAYS = 180  # a permission that ends later than this is none: it would be forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A dated, owned permission for one item to fail. `expires` is an ISO date, UTC, inclusive."""

    id: str
    owner: str
    reason: str
    approved_by: str
    expires: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one verification with all that is needed to believe and to mend it."""

    id: str
    kind: Kind
    title: str
    area: Area
    severity: Severity
    gating: bool
    outcome: Outcome
    source: Source
    skip: SkipReason | None = None  # why it was not run, where that was decided when the plan was made
    reason: str = ""
    covers: tuple[str, ...] = ()
    why: str = ""
    remedy: str = ""
    observations: tuple[Observation, ...] = ()
    expectations: tuple[ExpectationResult, ...] = ()
    evidence: tuple[str, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    tables: tuple[Table, ...] = ()
    started_at: str | None = None
    started_s: float | None = None  # seconds since the run started
    duration_s: float | None = None
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaScore:
    """One area of the scorecard. `score` is 0-100; `coverage` is the share of its weight that was measured."""

    name: Area
    weight: float
    score: float | None  # None: nothing of this area is in the plan
    coverage: float
    passed: int
    failed: int
    unknown: int
    skipped: int
    waived: int
