"""What fills a data directory works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
class Verified:
    """Whether every file is as the manifest says; `value` is None where there is no manifest to tell."""

    value: bool | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What came of it: `said` of what was used, "" where there was nothing to choose.

    `verified`: by the tool that restored it; `wal`: what comes with it, by the names that PostgreSQL gives it.
    """

    said: str = ""
    verified: Verified | None = None
    wal: Mapping[str, Path] | None = None
