"""What faults share: when they act, the undo record around them, and time to heal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from gonogo.core.deadline import Deadline
from gonogo.faults import Injected
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer

HEAL_SECONDS = 60.0


class FaultParameters(Spec):
    """Keys of every fault: how long after the one before it (or the start) it comes, and how long it is held."""

    after: Seconds = 2.0
    hold: Seconds = 3.0


def unhurried(context: Context) -> Context:
    """The context with time of its own: an interrupted or late run heals all the same."""
    return replace(context, deadline=Deadline.after(HEAL_SECONDS))


@contextmanager
def healed_on_error(injected: Injected, context: Context) -> Iterator[None]:
    """For the steps between breaking and the proof that it broke: whatever ends them early, heal."""
    try:
        yield
    except BaseException:
        injected.heal(unhurried(context))
        raise


def server_of(context: Context, service: str | None) -> PostgresServer:
    """The server that is primary now, or the named one."""
    data_service = context.stack.spec.data.service
    return context.stack.postgres(None if service in {None, data_service} else service)


def record_intent(context: Context, fault: str, data: Mapping[str, object]) -> str:
    """Write down, fsynced, what is about to be broken; returns the record's id."""
    return context.run.intend(f"fault:{fault}", {"runtime": context.stack.runtime, **data})
