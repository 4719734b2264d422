"""Phases that share their instants: where one ends the next one begins, so they sum to the whole, to the nanosecond."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gonogo.core.errors import HarnessError

NANO = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase on the monotonic clock, in nanoseconds."""

    name: str
    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.start_ns) * NANO


class PhaseClock:
    """Measures from its first phase to its end. Implements gonogo.drills.Phases."""

    def __init__(self, first: str) -> None:
        self._begun: list[tuple[str, int]] = [(first, time.monotonic_ns())]
        self._end_ns: int | None = None

    def begin(self, name: str) -> None:
        """End the current phase and begin the next one now. Raises HarnessError after the end."""
        if self._end_ns is not None:
            raise HarnessError(f"phase {name} begins after the end of the measurement")
        self._begun.append((name, time.monotonic_ns()))

    def end(self) -> None:
        """End the last phase, and the measurement, now. Raises HarnessError when it had ended."""
        if self._end_ns is not None:
            raise HarnessError("the measurement has ended before")
        self._end_ns = time.monotonic_ns()

    @property
    def started(self) -> float:
        """The first instant, in monotonic seconds."""
        return self._begun[0][1] * NANO

    @property
    def elapsed_seconds(self) -> float:
        """From the first instant until the end, or until now."""
        return ((self._end_ns or time.monotonic_ns()) - self._begun[0][1]) * NANO

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All phases in order; the last one ends now where the measurement has not ended."""
        last = self._end_ns or time.monotonic_ns()
        ends = [instant for _, instant in self._begun[1:]] + [last]
        return tuple(
            Phase(name=name, start_ns=start, end_ns=end) for (name, start), end in zip(self._begun, ends, strict=True)
        )

    def total_seconds(self) -> float:
        """The whole, checked: positive, and the sum of its phases. Raises HarnessError."""
        if self._end_ns is None:
            raise HarnessError("the measurement has not ended")
        whole = self._end_ns - self._begun[0][1]
        parts = sum(phase.end_ns - phase.start_ns for phase in self.phases)
        if whole <= 0 or parts != whole:
            raise HarnessError(f"phases sum to {parts} ns, the whole is {whole} ns")
        return whole * NANO

    def seconds_of(self, name: str) -> float:
        """The length of all phases of this name."""
        return sum(phase.seconds for phase in self.phases if phase.name == name)
