"""A command of the stack file breaks something on a stack that gonogo did not start: `hooks:`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.core.outcome import Capability
from gonogo.faults import FaultParameters, Injected
from gonogo.faults._base import record_intent
from gonogo.spec.hook import HookName

if TYPE_CHECKING:
    from gonogo.core.deadline import Deadline
    from gonogo.stacks.context import Context

NAME = "hook"
POLL_SECONDS = 0.05


class HookParameters(FaultParameters):
    """`run`: which command of the stack file. `service`: what it acts on, where that is not the command's own."""

    run: HookName
    service: str | None = None


class Hook:
    """A kind of fault. What counts as proof depends on the command.

    failover: another server accepts writes and the old one does not. restart: the server's process started later than
    before. kill: the server does not answer. restart_application: its process started later than before, as its metrics
    tell. kill_application: it does not answer. Healed: a database answers SQL, an application is ready, and after a
    failover one server accepts writes while all others follow it.
    """

    parameters = HookParameters
    needs = frozenset({Capability.HOOKS})

    def inject(self, context: Context, parameters: Any) -> Injected:
        """Run the command and prove its effect. Raises FaultDidNotLand, MissingCapability."""
        from gonogo.faults._hooked import inject_failover  # noqa: PLC0415 - planning needs no driver

        if parameters.run == "failover":
            return inject_failover(context, parameters.service, lambda data: record_intent(context, NAME, data))
        if parameters.run.endswith("_application"):
            return _application(context, parameters.run)
        return _database(context, parameters.run, parameters.service)

    def undo(self, context: Context | None, data: dict[str, Any]) -> None:  # noqa: ARG002 - the protocol's
        """The healing command of the stack file."""
        from gonogo.faults._hooked import undo  # noqa: PLC0415 - as above

        undo(data)


FAULT = Hook()


def _database(context: Context, name: HookName, service: str | None) -> Injected:
    from gonogo.faults._hooked import database_of  # noqa: PLC0415 - as above

    server = database_of(context, name, service)
    return _broken(context, name, _Seen(server.name, server.started_at, server.is_running, server.is_running))


def _application(context: Context, name: HookName) -> Injected:
    from gonogo.core.errors import NotMeasurable  # noqa: PLC0415 - beside its use
    from gonogo.faults._hooked import application_of_hook  # noqa: PLC0415 - as above

    service = application_of_hook(context, name)
    if name == "restart_application" and service.started_at() is None:
        raise NotMeasurable(
            f"{service.name} has no process_start_time_seconds in its metrics: no restart can be proven"
        )
    return _broken(context, name, _Seen(service.name, service.started_at, service.is_running, service.is_ready))


@dataclass(frozen=True, slots=True)
class _Seen:
    """How a service looks from here."""

    name: str
    started_at: Callable[[], str | None]
    answers: Callable[[], bool]
    whole: Callable[[], bool]


def _broken(context: Context, name: HookName, seen: _Seen) -> Injected:
    """A restart is proven by another start time, a kill by silence; both are over when the service is whole again."""
    from gonogo.faults._hooked import inject  # noqa: PLC0415 - as above

    before = seen.started_at()

    def restarted() -> str | None:
        now = seen.started_at()
        return f"{seen.name} started at {now}, before that at {before}" if now and now != before else None

    def gone() -> str | None:
        return None if seen.answers() else f"{seen.name} does not answer"

    def healed(deadline: Deadline) -> str:
        deadline.poll(seen.whole, every_seconds=POLL_SECONDS, what=f"{seen.name} answers")
        return f"{seen.name} answers again"

    kill = name.startswith("kill")
    return inject(
        context,
        name,
        lambda data: record_intent(context, NAME, data),
        landed=gone if kill else restarted,
        waiting=lambda: f"{seen.name} still answers" if kill else f"{seen.name} runs since {seen.started_at()}",
        healed=healed,
    )
