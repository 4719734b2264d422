"""A service that does not run while its data are copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import Service

STOP_SECONDS = 30.0
START_SECONDS = 90.0


@runtime_checkable
class Stoppable(Protocol):
    """What a runtime can stop and start again with its data."""

    def stop(self, grace_seconds: float) -> int | None:
        """End it gracefully."""

    def start(self, deadline: Deadline) -> None:
        """Start it again; returns when it answers."""


@contextmanager
def stopped(context: Context, service: Service) -> Iterator[None]:
    """The service does not run meanwhile: nothing is written, and nothing waits in memory to be written."""
    if not isinstance(service, Stoppable):
        raise MissingCapability(f"{service.name} cannot be stopped and started again")
    record = context.run.intend("stopped_service", {"runtime": context.stack.runtime, "service": service.name})
    try:
        service.stop(STOP_SECONDS)
        yield
    finally:
        service.start(Deadline.after(START_SECONDS))  # whatever became of the drill: others need it
        context.run.undone(record)
