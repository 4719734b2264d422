"""From a plan's item to the runner of its kind, with everything that the runner is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.core.event import Event, ObservationMade
from gonogo.core.facts import Facts
from gonogo.core.observation import Observation
from gonogo.core.outcome import Kind, Outcome
from gonogo.core.plan import PlanItem
from gonogo.engine.discover import data_references, stack_references
from gonogo.engine.inputs import Inputs
from gonogo.engine.plan import resolved_expectations
from gonogo.judge.expectations import judge_expectation
from gonogo.rundir.directory import Recorder, RunDirectory
from gonogo.spec.content import Verification
from gonogo.spec.references import lookup_in
from gonogo.spec.verification import LoadSpec
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import RunServices, Stack

STEADY_STATE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRunner:
    """Runs items of a plan on a running stack."""

    inputs: Inputs
    stack: Stack
    facts: Facts
    directory: RunDirectory
    run: RunServices
    cache: dict[str, Any] = field(default_factory=dict)  # what probes found out once and may use again in this run

    def __call__(self, item: PlanItem, deadline: Deadline) -> None:
        """Run one item. Raises NotMeasurable and whatever the runner raises."""
        verification = self.inputs.verifications[item.id]
        context = self.context_of(item, deadline)
        match item.kind:
            case Kind.CHECK:
                self._check(context, verification, self.inputs.options.with_changes)
            case Kind.LOAD:
                self._load(context, verification)
            case Kind.CHAOS:
                self._chaos(context, verification)
            case Kind.DRILL:
                self._drill(context, verification)
            case _:
                raise NotMeasurable(f"nothing runs items of kind {item.kind.value}")

    def context_of(self, item: PlanItem, deadline: Deadline) -> Context:
        """What an item of the plan is given to work with."""
        return self._context(self.inputs.verifications[item.id], deadline, Recorder(self.directory, item.id))

    def _context(self, verification: Verification, deadline: Deadline, recorder: Recorder) -> Context:
        return Context(
            stack=self.stack,
            facts=self.facts,
            recorder=recorder,
            deadline=deadline,
            run=self.run,
            item_path=verification.loaded.path,
            cache=self.cache,
        )

    def _lookup(self) -> Callable[[str], str]:
        objectives = {f"objectives.{name}": value for name, value in self.inputs.objectives.items()}
        return lookup_in({**objectives, **data_references(self.facts), **stack_references(self.stack)})

    def _check(self, context: Context, verification: Verification, changes: Mapping[str, Any]) -> None:
        from gonogo.runners.check import run_check

        run_check(context, verification.spec, self._lookup(), dict(changes))

    def _load(self, context: Context, verification: Verification) -> None:
        from gonogo.runners.load import run_load

        duration = self.inputs.suite.durations.get(verification.id)
        run_load(context, verification.spec, duration_seconds=duration, changes=dict(self.inputs.options.with_changes))

    def _chaos(self, context: Context, verification: Verification) -> None:
        from gonogo.runners.chaos import run_chaos

        run_chaos(
            context,
            verification.spec,
            steady_state=lambda: self._steady_state(context, verification),
            load=self._load_beneath(verification),
            fault_changes=self.inputs.options.fault_changes,
        )

    def _load_beneath(self, verification: Verification) -> tuple[LoadSpec, Path] | None:
        """The load profile that lends a scenario its traffic, and its file."""
        name = verification.spec.during.load
        if name is None:
            return None
        profile = self.inputs.verifications.get(name)
        if profile is None or profile.kind is not Kind.LOAD:
            raise NotMeasurable(f"during.load: {name} is no load profile")
        return profile.spec, profile.loaded.path

    def _drill(self, context: Context, verification: Verification) -> None:
        options = self.inputs.options
        run = _drill_runner(verification.spec.method)
        run(context, verification.spec, artefact_defect=options.artefact_defect, changes=dict(options.with_changes))

    def _steady_state(self, context: Context, verification: Verification) -> str | None:
        """None when every check of the scenario's steady state passes now, else the reason."""
        for identifier in verification.spec.steady_state:
            check = self.inputs.verifications.get(identifier)
            if check is None or check.kind is not Kind.CHECK:
                return f"{identifier} is no check"
            recorder = _Collector(self.directory, f"{context.recorder.item_id}/steady_state")
            try:
                self._check(self._context(check, context.deadline.within(STEADY_STATE_S), recorder), check, {})
            except NotMeasurable as error:
                return f"{identifier}: {error}"
            expectations = resolved_expectations(check, self.inputs.objectives)
            results = [judge_expectation(one, recorder.observations, None) for one in expectations]
            for result in results:
                if result.outcome in {Outcome.FAIL, Outcome.UNKNOWN}:
                    return f"{identifier}: {result.observation} is {result.actual}, expected {result.expected}"
            if not any(result.outcome is Outcome.PASS for result in results):
                return f"{identifier} expects nothing that applies here"
        return None


def _drill_runner(method: str) -> Callable[..., None]:
    """What runs drills of the method's kind."""
    from gonogo.drills._choice import registry_of
    from gonogo.drills.stores import STORE_METHODS
    from gonogo.drills.whole import WHOLE_METHODS
    from gonogo.runners.drill import run_drill
    from gonogo.runners.store_drill import run_store_drill
    from gonogo.runners.whole_drill import run_whole_drill

    others = {STORE_METHODS.kind: run_store_drill, WHOLE_METHODS.kind: run_whole_drill}
    return others.get(registry_of(method).kind, run_drill)


class _Collector(Recorder):
    """Keeps observations to itself: a steady state is looked at many times and is no finding."""

    def __init__(self, directory: RunDirectory, item_id: str) -> None:
        super().__init__(directory, item_id)
        self.observations: list[Observation] = []

    def event(self, event: Event) -> None:
        if isinstance(event, ObservationMade):
            self.observations.append(event.observation)
