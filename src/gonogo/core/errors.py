"""One error tree. A failure of the system under verification is a finding, never one of these.

GonogoError
├── UsageError            the caller asked for something that does not exist (exit 2)
│   └── SpecError         YAML that is wrong; carries every problem with file and line (exit 2)
├── NotMeasurable         something could not be measured: the item becomes UNKNOWN
│   ├── MissingCapability the stack or runtime cannot do what is needed
│   └── DeadlineExceeded  a bounded wait ran out
├── Interrupted           SIGINT or SIGTERM reached the run
└── HarnessError          gonogo itself failed (exit 4)
    └── StackError        a stack could not be started or stopped (HOLD: nothing was measured)
        ├── StackTimedOut     in the time that gonogo gave it; what it would have come to is not known
        └── UnsupportedStack  it asks for what it does not have, or what its runtime cannot do
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class GonogoError(Exception):
    """Base of every error that gonogo raises on purpose."""


class UsageError(GonogoError):
    """The caller asked for something that does not exist or does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a file a user wrote. `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class SpecError(UsageError):
    """Wrong YAML. Holds every problem found, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class NotMeasurable(GonogoError):
    """A measurement could not be made; the message says why, for the finding's reason."""


class MissingCapability(NotMeasurable):
    """The stack or runtime lacks what a measurement needs."""


class DeadlineExceeded(NotMeasurable):
    """A bounded wait ran out of time."""


class Interrupted(GonogoError):
    """The run was asked to stop (SIGINT or SIGTERM)."""


class HarnessError(GonogoError):
    """gonogo itself failed."""


class StackError(HarnessError):
    """A stack or one of its services could not be started, reached or stopped."""


class StackTimedOut(StackError):
    """A service did not start in the time that gonogo gave it, and had not ended either."""


class UnsupportedStack(StackError):
    """What was asked for is nothing that this stack has, or that this runtime can do; trying again changes nothing."""
