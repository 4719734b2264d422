"""The plan: what runs, in what order, what is skipped and why. Written before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gonogo.core.finding import Expectation, Source, Waiver
from gonogo.core.outcome import Area, Effect, Kind, Severity, SkipReason


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """One verification of the plan, with everything that the judge needs to know of its file."""

    id: str
    kind: Kind
    title: str
    area: Area
    severity: Severity
    gating: bool
    source: Source
    effects: Effect
    expectations: tuple[Expectation, ...]
    covers: tuple[str, ...] = ()
    why: str = ""
    remedy: str = ""
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    predicted_s: float = 0.0
    time_limit_s: float = 120.0
    skip: SkipReason | None = None  # None: it runs
    unreachable: str | None = None  # declared but not answering: UNKNOWN without being run
    reason: str = ""

    @property
    def runs(self) -> bool:
        """Whether the item is run at all."""
        return self.skip is None and self.unreachable is None

    def to_json(self) -> dict[str, Any]:
        """As stored in plan.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> PlanItem:
        """The reverse of `to_json`."""
        expectations = tuple(
            Expectation(**{**entry, "expected": _tuple(entry["expected"])}) for entry in record["expectations"]
        )
        typed = {
            "kind": Kind(record["kind"]),
            "area": Area(record["area"]),
            "severity": Severity(record["severity"]),
            "effects": Effect(record["effects"]),
            "skip": SkipReason(record["skip"]) if record["skip"] else None,
            "source": Source(**record["source"]),
            "expectations": expectations,
            **{key: tuple(record[key]) for key in ("covers", "uses", "needs")},
        }
        return cls(**{**record, **typed})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All items in the order in which they run; skipped ones too."""

    items: tuple[PlanItem, ...]

    @property
    def predicted_s(self) -> float:
        """Predicted wall time of the items that run, one after the other."""
        return sum(item.predicted_s for item in self.items if item.runs)

    def to_json(self) -> dict[str, Any]:
        """As stored in plan.json."""
        return {"schema_version": 1, "items": [item.to_json() for item in self.items]}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Plan:
        """The reverse of `to_json`."""
        return cls(items=tuple(PlanItem.from_json(item) for item in record["items"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPolicy:
    """What ready means, with everything inherited filled in."""

    name: str
    gates: tuple[Severity, ...]
    areas: dict[str, float]
    accept_unsupported: dict[str, str]
    waivers: tuple[Waiver, ...]
    require: tuple[str, ...] = ()
    max_age_s: float | None = None
    limits: dict[str, tuple[str, str]] = field(default_factory=dict)  # objective → (matcher, limit as written)
    require_recent: dict[str, float] = field(default_factory=dict)  # id → seconds within which it must have passed

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ResolvedPolicy:
        """The reverse of asdict."""
        limits = {name: (matcher, written) for name, (matcher, written) in record.get("limits", {}).items()}
        typed = {
            "limits": limits,
            "gates": tuple(Severity(gate) for gate in record["gates"]),
            "waivers": tuple(Waiver(**waiver) for waiver in record["waivers"]),
            "require": tuple(record["require"]),
        }
        return cls(**{**record, **typed})


CLOCKS_DIFFER_S = 300.0  # hosts of one team: what lies further ahead was not written by a clock that is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What one verification came to in an earlier run. `at`: when that run ended, ISO, UTC.

    `beside`: it ran beside the stack, so that the stack's runtime has nothing to do with it. `beyond`: what of it is
    more than this run allows, which may be judged by other limits.
    """

    run_id: str
    at: str
    runtime: str
    outcome: str
    reason: str = ""
    beside: bool = False
    beyond: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingContext:
    """All that the judge needs beside plan, facts and events. `as_of` is the judging instant, ISO, UTC."""

    run_id: str
    as_of: str
    policy: ResolvedPolicy
    suite: str
    partial: str | None  # why this is only a part of a suite, None for a whole one
    stack_name: str
    runtime: str
    stack_fingerprint: str
    command: str
    tool: dict[str, str]
    commit: str | None = None
    past: dict[str, Past | None] = field(default_factory=dict)  # last runs of what must have been run lately
    history: str = ""  # where they were looked for, or why they could not be

    def to_json(self) -> dict[str, Any]:
        """As stored in judging.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> JudgingContext:
        """The reverse of `to_json`."""
        past = {name: Past(**one) if one else None for name, one in record.get("past", {}).items()}
        return cls(**{**record, "policy": ResolvedPolicy.from_json(record["policy"]), "past": past})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
