"""The judgement of a run: what run.json holds (design §8)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gonogo.core.finding import AreaScore, Finding
from gonogo.core.outcome import Verdict

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProven:
    """Something the verdict does not cover, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSummary:
    """What the verdict is about."""

    name: str
    runtime: str
    fingerprint: str  # digest of the resolved stack file and the versions that ran
    images: dict[str, str]
    versions: dict[str, str]
    data_size: dict[str, Any]  # {"bytes": …, "rows": {table: n}}
    problems: tuple[str, ...] = ()  # what could not be found out of it
    left_out: tuple[str, ...] = ()  # optional services that did not run


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Verdict, blockers, scorecard and findings."""

    run_id: str
    tool: dict[str, str]
    stack: StackSummary
    suite: str
    policy: str
    commit: str | None
    command: str
    started_at: str
    finished_at: str | None
    wall_s: float | None
    overhead_s: float | None
    judged_as_of: str
    verdict: Verdict
    exit_code: int
    headline: str  # one sentence: why this verdict
    valid_until: str | None
    interrupted: str | None
    unhealed: tuple[str, ...]
    harness_errors: tuple[str, ...]
    score: float | None
    score_without_waivers: float | None
    coverage: float
    blockers: tuple[str, ...]
    unknowns: tuple[str, ...]
    not_proven: tuple[NotProven, ...]
    findings: tuple[Finding, ...]
    areas: tuple[AreaScore, ...]
    contention: float | None = None  # largest share of the host's processors that others used during an item

    def to_json(self) -> dict[str, Any]:
        """As stored in run.json; every number JSON can hold, every tuple a list."""
        return {"schema_version": SCHEMA_VERSION, **_plain(asdict(self))}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
