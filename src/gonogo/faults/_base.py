"""What faults share: the server that they act on, the undo record, and healing when injecting fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gonogo.faults import Injected, unhurried

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer


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
