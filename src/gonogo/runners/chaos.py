"""How a chaos scenario runs: steady state, faults with proof, recovery, steady state again, and the ledger's count."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gonogo.core.errors import DeadlineExceeded, NotMeasurable, UsageError
from gonogo.core.event import FaultHealed, FaultInjected, FaultUnhealed
from gonogo.faults import (
    FAULTS,
    Fault,
    FaultDidNotHeal,
    FaultDidNotLand,
    FaultParameters,
    Injected,
    unhurried,
)
from gonogo.pg.ledger import Fate, Ledger, LedgerCount
from gonogo.runners.beneath import Beneath
from gonogo.runners.story import Broken, Story, observations, of_ledger, timeline
from gonogo.spec.verification import ChaosSpec, LoadSpec
from gonogo.stacks.context import Context

RECOVERY_SECONDS = 20.0
STEADY_AGAIN_SECONDS = 15.0
STEADY_PAUSE_SECONDS = 0.5
POLL_SECONDS = 0.05
LEFTOVERS = "chaos.unhealed"  # in the run's cache: faults that could not be healed so far

SteadyState = Callable[[], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """A fault with its parameters, ready to be injected."""

    name: str
    fault: Fault
    parameters: FaultParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A fault that is in effect; `number` tells it from others of its name in the same scenario."""

    name: str
    number: int
    injected: Injected


def run_chaos(
    context: Context,
    spec: ChaosSpec,
    *,
    steady_state: SteadyState,
    load: tuple[LoadSpec, Path] | None = None,
    fault_changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Run a scenario and record what it saw. `steady_state()` is None when all is well, else the reason.

    Raises NotMeasurable when the steady state is not there to begin with, a fault did not land or could not be healed.
    Whatever happens, every fault that was injected is healed, with time of its own.
    """
    armed = arm(spec, fault_changes or {})
    _heal_leftovers(context)
    if reason := steady_state():
        raise NotMeasurable(f"the steady state is not there before the fault: {reason}")
    story = Story(began_at=time.monotonic(), steady_checks=len(spec.steady_state))
    with Beneath(context, spec, load) as beneath:
        _break_and_heal(context, armed, story)
        back = _await_recovery(context, beneath, story)
        story.unsteady = _steady_again(context, steady_state, story)
        if back:  # what broke again since is waited for once more: a scenario does not end on it by chance
            _await_recovery(context, beneath, story)
        _end_traffic(beneath, story)
        story.ended_at = time.monotonic()
        context.draw(timeline(context, story, beneath))
        for observation in observations(story, beneath):
            context.observe(observation)
        if beneath.ledger is not None and (count := beneath.count(story.broke_at)):
            evidence = _keep_ledger(context, beneath.ledger, count)
            for observation in of_ledger(story, count, evidence):
                context.observe(observation)


def arm(spec: ChaosSpec, changes: Mapping[str, Mapping[str, Any]]) -> tuple[Armed, ...]:
    """The scenario's faults with their parameters, changed as a seeded defect asks. Raises UsageError."""
    armed = []
    for entry in spec.faults:
        for name, written in entry.items():
            fault = FAULTS.load(name)
            try:
                parameters = fault.parameters.model_validate({**(written or {}), **changes.get(name, {})})
            except ValidationError as error:
                raise UsageError(f"fault {name}: {error}") from error
            armed.append(Armed(name=name, fault=fault, parameters=parameters))
    if unknown := changes.keys() - {one.name for one in armed}:
        raise UsageError(f"the scenario has no fault {', '.join(sorted(unknown))}")
    return tuple(armed)


def _break_and_heal(context: Context, armed: Sequence[Armed], story: Story) -> None:
    """Inject one fault after the other, hold the last one's time, heal in reverse order."""
    landed: list[Landed] = []
    try:
        for number, one in enumerate(armed, 1):
            context.deadline.sleep(one.parameters.after)
            context.deadline.check(f"{one.name} is injected")
            landed.append(Landed(name=one.name, number=number, injected=_inject(context, one, number, story)))
        context.deadline.sleep(max(one.parameters.hold for one in armed))
        context.deadline.check("the fault is held")
    finally:
        story.heal_began_at = time.monotonic()
        try:
            _heal_all(context, landed)
        finally:
            story.healed_at = time.monotonic()


def _inject(context: Context, one: Armed, number: int, story: Story) -> Injected:
    context.progress(f"injecting {one.name}")
    began_at = time.monotonic()
    try:
        injected = one.fault.inject(context, one.parameters)
    except FaultDidNotLand as error:
        raise NotMeasurable(f"{one.name} did not land: {error}") from error
    except FaultDidNotHeal as error:
        _tell_unhealed(context, one.name, number, error)
        raise NotMeasurable(f"{one.name} could not be undone: {error}") from error
    landed_at = time.monotonic()
    story.broken.append(
        Broken(name=one.name, began_at=began_at, injected_at=injected.injected_at, landed_at=landed_at)
    )  # fmt: skip
    context.recorder.event(
        FaultInjected(id=context.recorder.item_id, fault=one.name, proof=injected.proof, number=number)
    )  # fmt: skip
    return injected


def _heal_all(context: Context, landed: Sequence[Landed]) -> None:
    """Newest first; one that cannot be healed keeps none of the others from it."""
    with ExitStack() as healing:
        for one in landed:
            healing.callback(_heal, context, one)


def _heal(context: Context, one: Landed) -> None:
    try:
        proof = one.injected.heal(unhurried(context))
    except Exception as error:
        context.cache.setdefault(LEFTOVERS, []).append(one)
        _tell_unhealed(context, one.name, one.number, error)
        if isinstance(error, FaultDidNotHeal):
            raise NotMeasurable(f"{one.name} could not be undone: {error}") from error
        raise
    context.recorder.event(
        FaultHealed(id=context.recorder.item_id, fault=one.name, proof=proof, number=one.number)
    )  # fmt: skip


def _tell_unhealed(context: Context, name: str, number: int, error: Exception) -> None:
    context.recorder.event(
        FaultUnhealed(id=context.recorder.item_id, fault=name, reason=str(error), number=number)
    )  # fmt: skip


def _heal_leftovers(context: Context) -> None:
    """What an earlier scenario of this run left broken; where that cannot be helped, nothing is measured on top."""
    leftovers: list[Landed] = context.cache.pop(LEFTOVERS, [])
    _heal_all(context, leftovers[::-1])


def _await_recovery(context: Context, beneath: Beneath, story: Story) -> bool:
    """Right answers that last and an acknowledged write, all sent after healing began. Whether all came in time."""
    after = story.heal_began_at
    context.progress("waiting for right answers")
    limit = context.deadline.within(RECOVERY_SECONDS)
    in_time = True
    try:
        limit.poll(
            lambda: beneath.recovered_at(after) is not None and beneath.is_ready_since(after),
            every_seconds=POLL_SECONDS,
            what="recovery",
        )
    except DeadlineExceeded:
        context.deadline.check("recovery")  # the item's own time is up: nothing can be said
        in_time = False
    story.recovered_at, story.gave_up_at = beneath.recovered_at(after), time.monotonic()
    return in_time


def _steady_again(context: Context, steady_state: SteadyState, story: Story) -> str | None:
    """None once the steady state passes again, else the last reason why it does not."""
    limit = context.deadline.within(STEADY_AGAIN_SECONDS if story.recovered_at is not None else 0.0)
    while reason := steady_state():
        if limit.expired:
            context.deadline.check("the steady state comes back")
            return reason
        limit.sleep(STEADY_PAUSE_SECONDS)
    return None


def _end_traffic(beneath: Beneath, story: Story) -> None:
    """Only then has every request its answer, so that only then it is known since when everything works."""
    watched_until = time.monotonic()
    beneath.stop()
    if story.recovered_at is not None:
        story.recovered_at = beneath.recovered_at(story.heal_began_at)
    story.gave_up_at = max(story.gave_up_at, story.recovered_at or watched_until)


def _keep_ledger(context: Context, ledger: Ledger, count: LedgerCount) -> str:
    """The count and every write that was not acknowledged, as evidence."""
    unacknowledged = [
        {"stream": one.stream, "number": one.number, "fate": one.fate.value, "reason": one.reason}
        for one in ledger.entries
        if one.fate is not Fate.ACKNOWLEDGED
    ]
    record = {"count": asdict(count), "unacknowledged": unacknowledged}
    return context.recorder.artifact("ledger.json", json.dumps(record, indent=1))
