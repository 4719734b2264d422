"""Deadlines on the monotonic clock, and waits that an interruption ends at once."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gonogo.core.errors import DeadlineExceeded, Interrupted


class Interruption:
    """Set once, by a signal handler or a test; every wait of a run listens to it."""

    # No threading.Event: a handler runs in the thread that it interrupts, and would wait for ever for the lock that
    # this thread holds inside Event.wait. SimpleQueue.put may be called there: it is documented as reentrant.
    def __init__(self) -> None:
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.reason: str | None = None

    def set(self, reason: str) -> None:
        """Ask the run to stop; the first reason is kept."""
        self.reason = self.reason or reason
        self._wake.put(None)

    @property
    def is_set(self) -> bool:
        """Whether the run was asked to stop."""
        return self.reason is not None

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; True when interrupted."""
        if not self.is_set:
            try:
                self._wake.get(timeout=max(0.0, seconds))
            except queue.Empty:
                return self.is_set
            self._wake.put(None)  # for the other threads that wait
        return True

    def check(self) -> None:
        """Raise Interrupted when the run was asked to stop."""
        if self.is_set:
            raise Interrupted(self.reason or "interrupted")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock by which something must have happened."""

    at: float  # time.monotonic() seconds
    interruption: Interruption = field(default_factory=Interruption, compare=False)

    @classmethod
    def after(cls, seconds: float, interruption: Interruption | None = None) -> Deadline:
        """A deadline `seconds` from now."""
        return cls(time.monotonic() + seconds, interruption or Interruption())

    def within(self, seconds: float) -> Deadline:
        """The earlier of this deadline and `seconds` from now."""
        return Deadline(min(self.at, time.monotonic() + seconds), self.interruption)

    @property
    def remaining_seconds(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.at

    def check(self, what: str) -> None:
        """Raise Interrupted or DeadlineExceeded, naming what was being waited for."""
        self.interruption.check()
        if self.expired:
            raise DeadlineExceeded(f"time limit reached: {what}")

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than the deadline, and not after an interruption."""
        if self.interruption.wait(min(seconds, self.remaining_seconds)):
            self.interruption.check()

    def poll(self, condition: Callable[[], bool], *, every_seconds: float, what: str) -> float:
        """Wait until `condition()` holds; returns the monotonic instant at which it was seen to hold.

        Raises DeadlineExceeded (with `what`) or Interrupted.
        """
        while True:
            if condition():
                return time.monotonic()
            self.check(what)
            self.sleep(every_seconds)
