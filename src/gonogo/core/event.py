"""What happened during a run, in past tense; each becomes one line of events.ndjson."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from gonogo.core.observation import Observation, Table, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    def to_json(self) -> dict[str, Any]:
        """The event's own fields; the run directory adds sequence number and instants."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else value


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """The run directory exists and the run began. `info` holds tool version, stack name, suite, commit, command."""

    info: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStarted(Event):
    """The stack answers; `seconds` from the start of the first service."""

    stack: str
    runtime: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFailed(Event):
    """The stack could not be started or reached: nothing was measured on it.

    `unsupported`: it is not broken, it asks for what it does not have or what its runtime cannot do.
    """

    reason: str
    unsupported: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStopped(Event):
    """The stack was taken down (or kept up, when asked for)."""

    seconds: float
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMade(Event):
    """plan.json is written."""

    items: int
    to_run: int
    predicted_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStarted(Event):
    """An item of the plan began."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationMade(Event):
    """A probe, load profile, scenario or drill measured something."""

    id: str
    observation: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineDrawn(Event):
    """The phases, marks and series of an item are complete."""

    id: str
    timeline: Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDrawn(Event):
    """What an item measured side by side is complete."""

    id: str
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProgressed(Event):
    """Something worth telling about a long item."""

    id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInjected(Event):
    """A fault landed; `proof` is what showed it."""

    id: str
    fault: str
    proof: str
    number: int = 1  # which of the scenario's faults: two may have the same name


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHealed(Event):
    """A fault was undone; `proof` is what showed it."""

    id: str
    fault: str
    proof: str
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultUnhealed(Event):
    """A fault could not be undone: the run ends with exit code 4."""

    id: str
    fault: str
    reason: str
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFinished(Event):
    """An item ended by itself. `contention` is the share of the host's processors that others used meanwhile.

    `unmeasurable` says why the item as a whole is UNKNOWN (missing capability, steady state not met, time limit …);
    `cause` is one of "", "not_measurable", "crashed", "time_limit", "interrupted". `traceback`: where it crashed, or
    where it was when it was given up.
    """

    id: str
    seconds: float
    cpu_seconds: float
    contention: float | None = None
    unmeasurable: str | None = None
    cause: str = ""
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted(Event):
    """SIGINT or SIGTERM reached the run."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessFailed(Event):
    """gonogo itself failed."""

    reason: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The last event of a run. `overhead_s` is wall time spent on gonogo's own work, not on waiting for the stack."""

    wall_s: float
    overhead_s: float


EVENTS: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}


def event_from_json(name: str, record: dict[str, Any]) -> Event | None:
    """Read an event back; None for a name that this version does not know (written by a later one)."""
    cls = EVENTS.get(name)
    if cls is None:
        return None
    known = {field.name for field in fields(cls)}
    values = {key: value for key, value in record.items() if key in known}
    if "observation" in known:
        values["observation"] = Observation.from_json(values["observation"])
    if "timeline" in known:
        values["timeline"] = Timeline.from_json(values["timeline"])
    if "table" in known:
        values["table"] = Table.from_json(values["table"])
    return cls(**values)
