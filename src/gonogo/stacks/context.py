"""What a probe, fault, drill or load profile is given to work with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gonogo.core.deadline import Deadline
from gonogo.core.event import ItemProgressed, ObservationMade, TableDrawn, TimelineDrawn
from gonogo.core.facts import Facts
from gonogo.core.observation import Observation, Table, Timeline
from gonogo.rundir.directory import Recorder
from gonogo.stacks.interfaces import RunServices, Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The running stack, what was discovered, the item's deadline, and where to record."""

    stack: Stack
    facts: Facts
    recorder: Recorder
    deadline: Deadline
    run: RunServices
    item_path: Path  # the content file: relative paths in it count from its folder
    cache: dict[str, Any] = field(default_factory=dict)  # what was found out once and may be used again in this run

    def observe(self, observation: Observation) -> None:
        """Record one observation."""
        self.recorder.event(ObservationMade(id=self.recorder.item_id, observation=observation))

    def progress(self, message: str) -> None:
        """Tell people what a long item is doing."""
        self.recorder.event(ItemProgressed(id=self.recorder.item_id, message=message))

    def draw(self, timeline: Timeline) -> None:
        """Record the item's phases, marks and series."""
        self.recorder.event(TimelineDrawn(id=self.recorder.item_id, timeline=timeline))

    def tabulate(self, table: Table) -> None:
        """Record what was measured side by side."""
        self.recorder.event(TableDrawn(id=self.recorder.item_id, table=table))

    def within(self, seconds: float) -> Context:
        """The same context with an earlier deadline."""
        return replace(self, deadline=self.deadline.within(seconds))
