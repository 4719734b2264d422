"""What fills a data directory works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(slots=True, kw_only=True)
class Filled:
    """What came of it: `said` of what was used; settings of the server that recovers from it."""

    said: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
