"""What fills a data directory works with."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.core.deadline import Deadline
from gonogo.drills import Phases
from gonogo.drills.given import Asked, Given
from gonogo.drills.given.staging import Taking
from gonogo.stacks.local.boxed import BoxedPostgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """One backup on its way to the data directory of `server`, which is not there yet."""

    given: Given
    asked: Asked
    taking: Taking
    server: BoxedPostgres
    deadline: Deadline
    phases: Phases


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What came of it: `said` of what was used, "" where there was nothing to choose."""

    said: str = ""
