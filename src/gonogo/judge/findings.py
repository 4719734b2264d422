"""From plan and events to findings: what each item came to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

from gonogo.core.event import (
    FaultHealed,
    FaultInjected,
    FaultUnhealed,
    ItemFinished,
    ItemStarted,
    ObservationMade,
    TableDrawn,
    TimelineDrawn,
)
from gonogo.core.finding import LONGEST_WAIVER_DAYS, ExpectationResult, Finding, Waiver
from gonogo.core.observation import Observation, Table, Timeline
from gonogo.core.outcome import Outcome
from gonogo.core.plan import PlanItem, ResolvedPolicy
from gonogo.judge.expectations import judge_expectation
from gonogo.rundir.directory import Logged


@dataclass(slots=True)
class ItemLog:
    """The events of one item."""

    started_at: str | None = None
    started_s: float | None = None
    finished: ItemFinished | None = None
    observations: list[Observation] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)
    tables: list[Table] = field(default_factory=list)


class OpenFault(NamedTuple):
    """A fault of an item; `number` tells it from others of its name."""

    item: str
    fault: str
    number: int


@dataclass(slots=True)
class RunLog:
    """The events of a run, sorted by item."""

    items: dict[str, ItemLog] = field(default_factory=lambda: defaultdict(ItemLog))
    open_faults: dict[OpenFault, str] = field(default_factory=dict)  # and why it is open


def sort_events(events: Iterable[Logged]) -> RunLog:
    """Group events by item; faults that were injected and not healed stay open."""
    log = RunLog()
    for logged in events:
        match logged.event:
            case ItemStarted(id=item):
                log.items[item].started_at, log.items[item].started_s = logged.at, logged.t
            case ObservationMade(id=item, observation=observation):
                if log.items[item].finished is None:  # one that was given up may see the stack end around it
                    log.items[item].observations.append(observation)
            case TimelineDrawn(id=item, timeline=timeline):
                log.items[item].timeline = timeline
            case TableDrawn(id=item, table=table):
                log.items[item].tables.append(table)
            case ItemFinished(id=item) as finished:
                log.items[item].finished = finished
            case FaultInjected() | FaultUnhealed() | FaultHealed() as of_fault:
                _note_fault(log, of_fault)
            case _:
                pass
    return log


def _note_fault(log: RunLog, event: FaultInjected | FaultUnhealed | FaultHealed) -> None:
    fault = OpenFault(event.id, event.fault, event.number)
    match event:
        case FaultInjected():
            log.open_faults[fault] = "not healed before the run ended"
        case FaultUnhealed(reason=reason):
            log.open_faults[fault] = reason
        case FaultHealed():
            log.open_faults.pop(fault, None)


def judge_item(item: PlanItem, log: ItemLog, policy: ResolvedPolicy, as_of: datetime) -> Finding:
    """One item's finding."""
    finished = log.finished
    results = _results(item, log)
    outcome, reason = _outcome(item, log, results)
    waiver = _waiver(item.id, policy, as_of.astimezone(UTC).date()) if outcome is Outcome.FAIL else None
    if outcome is Outcome.FAIL and waiver is None:
        reason += _void_waivers(item.id, policy)
    return Finding(
        id=item.id,
        kind=item.kind,
        title=item.title,
        area=item.area,
        severity=item.severity,
        gating=item.gating,
        outcome=outcome,
        skip=item.skip,
        reason=reason,
        source=item.source,
        covers=item.covers,
        why=item.why,
        remedy=item.remedy,
        observations=tuple(log.observations),
        expectations=results,
        evidence=tuple(dict.fromkeys(one.evidence for one in log.observations if one.evidence)),
        timeline=log.timeline,
        tables=tuple(log.tables),
        started_at=log.started_at,
        started_s=log.started_s,
        duration_s=finished.seconds if finished else None,
        waiver=waiver,
    )


def _results(item: PlanItem, log: ItemLog) -> tuple[ExpectationResult, ...]:
    if not item.runs or log.started_at is None:
        return ()
    contention = log.finished.contention if log.finished else None
    return tuple(judge_expectation(expectation, log.observations, contention) for expectation in item.expectations)


def _outcome(item: PlanItem, log: ItemLog, results: tuple[ExpectationResult, ...]) -> tuple[Outcome, str]:
    """FAIL needs an observation that fails; anything that could not be measured is UNKNOWN."""
    if item.skip is not None:
        return Outcome.SKIPPED, f"{item.skip.value}: {item.reason}"
    if item.unreachable is not None:
        return Outcome.UNKNOWN, item.unreachable
    failed = [result for result in results if result.outcome is Outcome.FAIL]
    if failed:
        return Outcome.FAIL, "; ".join(f"{one.observation} is {one.actual}, expected {one.expected}" for one in failed)
    if log.started_at is None:
        return Outcome.UNKNOWN, "the run ended before this item began"
    if log.finished is None:
        return Outcome.UNKNOWN, "the run ended before this item finished"
    if log.finished.unmeasurable is not None:
        return Outcome.UNKNOWN, log.finished.unmeasurable
    unknown = [result for result in results if result.outcome is Outcome.UNKNOWN]
    if unknown:
        return Outcome.UNKNOWN, "; ".join(f"{one.observation}: {one.reason}" for one in unknown)
    if not results:
        return Outcome.UNKNOWN, "it expects nothing, so nothing was proven"
    told = in_part(results)
    if not any(result.outcome is Outcome.PASS for result in results):
        return Outcome.UNKNOWN, f"nothing of what it expects was measured: {told}"
    return Outcome.PASS, told


def in_part(results: Iterable[ExpectationResult]) -> str:
    """What a PASS does not cover, "" where it covers everything: what has no value because it does not apply."""
    names: dict[str, list[str]] = defaultdict(list)
    for one in results:
        if one.reason:
            names[one.reason].append(one.observation)
    return "; ".join(f"{', '.join(observations)}: {reason}" for reason, observations in names.items())


def _waiver(item_id: str, policy: ResolvedPolicy, today: date) -> Waiver | None:
    """The waiver that covers the item today: its last day still counts, and one that ends out of sight does not."""
    for waiver in policy.waivers:
        days = (date.fromisoformat(waiver.expires) - today).days
        if waiver.id == item_id and 0 <= days <= LONGEST_WAIVER_DAYS:
            return waiver
    return None


def _void_waivers(item_id: str, policy: ResolvedPolicy) -> str:
    """That there is a waiver which does not count, for the reason: else people look for the mistake elsewhere."""
    ends = [waiver.expires for waiver in policy.waivers if waiver.id == item_id]
    if not ends:
        return ""
    return f"; its waiver until {ends[0]} does not count: it has ended, or ends in more than {LONGEST_WAIVER_DAYS} days"
