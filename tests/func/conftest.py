"""A running reference stack for the tests that need one: started once, from the cached template."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.event import Event, ItemProgressed, ObservationMade, TimelineDrawn
from gonogo.core.facts import Facts
from gonogo.core.observation import Observation, Timeline
from gonogo.engine.discover import discover
from gonogo.engine.inputs import Inputs, RunOptions, read_inputs
from gonogo.engine.run import Observer, opened, start
from gonogo.engine.services import LocalRun
from gonogo.rundir.directory import Recorder, RunDirectory
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import Stack
from gonogo.stacks.local.walls import tried_here

REQUIRED = "GONOGO_REQUIRE_CONTAINMENT"


class Kept(Recorder):
    """A recorder that also keeps what was recorded, for assertions."""

    def __init__(self, directory: RunDirectory, item_id: str) -> None:
        super().__init__(directory, item_id)
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        """Keep it, and write it."""
        self.events.append(event)
        super().event(event)

    @property
    def observations(self) -> list[Observation]:
        """Everything observed, in order."""
        return [event.observation for event in self.events if isinstance(event, ObservationMade)]

    @property
    def timelines(self) -> list[Timeline]:
        """Every timeline drawn."""
        return [event.timeline for event in self.events if isinstance(event, TimelineDrawn)]

    @property
    def messages(self) -> list[str]:
        """What people were told."""
        return [event.message for event in self.events if isinstance(event, ItemProgressed)]

    def value(self, name: str, subject: str = "") -> Any:
        """The value of the one observation with this name and subject."""
        (found,) = [one for one in self.observations if one.name == name and one.subject == subject]
        return found.value


@dataclass(frozen=True, kw_only=True)
class Running:
    """A running stack with everything that a probe, fault, drill or runner is given."""

    stack: Stack
    facts: Facts
    inputs: Inputs
    directory: RunDirectory
    run: LocalRun
    cache: dict[str, Any] = field(default_factory=dict)

    def context(self, item_id: str = "checks/test", *, seconds: float = 120.0) -> tuple[Context, Kept]:
        """A context for one item, and its recorder."""
        recorder = Kept(self.directory, item_id)
        context = Context(
            stack=self.stack,
            facts=self.facts,
            recorder=recorder,
            deadline=Deadline.after(seconds),
            run=self.run,
            item_path=self.inputs.stack.path,
            cache=self.cache,
        )
        return context, recorder


@contextmanager
def running(out: Path, **options: Any) -> Iterator[Running]:
    """Start the reference stack (embedded) with options of a run, e.g. `stack_changes`; end it at the end."""
    inputs = read_inputs(RunOptions(out=out, **{"runtime": "embedded", **options}))
    with opened(inputs, Observer()) as (directory, services), ExitStack() as cleanup:
        stack = start(inputs, services, Deadline.after(300))
        cleanup.callback(stack.close)
        yield Running(stack=stack, facts=discover(stack), inputs=inputs, directory=directory, run=services)


@pytest.fixture(scope="session")
def reference_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The reference stack for tests that leave it as they found it."""
    with running(tmp_path_factory.mktemp("reference") / "run") as found:
        yield found


@pytest.fixture
def fresh_stack(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """A function that starts a reference stack for this test alone, with changes; ended after the test."""
    with ExitStack() as cleanup:
        count = 0

        def make(**options: Any) -> Running:
            nonlocal count
            count += 1
            return cleanup.enter_context(running(tmp_path / f"run-{count}", **options))

        yield make


@pytest.fixture(scope="session")
def contained() -> None:
    """Skips where the kernel, or the container around us, lets nobody make namespaces."""
    if reason := tried_here():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED} is set, and {reason}")
        pytest.skip(f"no containment here: {reason}")
