"""A service beside the database dies at once: its whole process tree, or its container."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import model_validator

from gonogo.core.errors import GonogoError, MissingCapability, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.faults import FaultDidNotHeal, FaultDidNotLand, FaultParameters
from gonogo.faults._base import healed_on_error, record_intent
from gonogo.stacks.interfaces import HttpService

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

NAME = "service_killed"
CONNECT_SECONDS = 2.0
START_SECONDS = 60.0


class ServiceKilledParameters(FaultParameters):
    """Which service: by its name in the stack file, or the only one of a kind. It must speak HTTP."""

    service: str | None = None
    kind: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ServiceKilledParameters:
        if (self.service is None) is (self.kind is None):
            raise ValueError("either `service` (a name) or `kind` is needed")
        return self


class ServiceKilled:
    """A kind of fault."""

    parameters = ServiceKilledParameters
    needs = frozenset({Capability.KILL})

    def inject(self, context: Context, parameters: Any) -> Killed:
        """Kill it, and prove that nothing of it is left and nobody answers in its place."""
        service = _service_of(context, parameters)
        data = {"service": service.name}
        killed = Killed(service=service, record=record_intent(context, NAME, data))
        with healed_on_error(killed, context):
            proof = service.kill()
            killed.injected_at = proof.killed_at
            if not proof.pids:
                raise FaultDidNotLand(f"{service.name} had no process to kill")
            if service.is_running() or _answers(service):
                raise FaultDidNotLand(f"{service.name} still runs after the kill")
            killed.proof = f"{service.name}: {proof.sentence} and its port refuses connections"
        return killed

    def undo(self, context: Context | None, data: dict[str, Any]) -> str:  # noqa: ARG002 - the protocol's
        """Nothing: the service belongs to the run that was killed, and `clean` ends what is left of it."""
        return "the service was that run's own; `clean` ends what is left of it"


@dataclass(slots=True, kw_only=True)
class Killed:
    """The service is dead."""

    service: HttpService
    record: str
    proof: str = ""
    injected_at: float = 0.0
    _healed: str = field(default="", init=False)

    def heal(self, context: Context) -> str:
        """Start it again with the data that it had; returns when it is ready."""
        if not self._healed:
            try:
                if not self.service.is_running():
                    self.service.restart(context.deadline.within(START_SECONDS))
            except (GonogoError, OSError) as error:
                raise FaultDidNotHeal(f"{self.service.name} did not come back: {error}") from error
            self._healed = f"{self.service.name} was started again with its data and is ready"
            context.run.undone(self.record)
        return self._healed


FAULT = ServiceKilled()


def _service_of(context: Context, parameters: ServiceKilledParameters) -> HttpService:
    services = context.stack.services
    names = [parameters.service] if parameters.service is not None else [
        name for name, one in services.items() if one.kind == parameters.kind
    ]  # fmt: skip
    if len(names) != 1 or names[0] not in services:
        what = parameters.service or f"one service of kind {parameters.kind} (there are {len(names)})"
        raise MissingCapability(f"the stack does not run {what}")
    service = services[names[0]]
    if not isinstance(service, HttpService):
        raise NotMeasurable(f"{service.name} does not speak HTTP: how it comes back cannot be seen")
    return service


def _answers(service: HttpService) -> bool:
    address = urlsplit(service.url)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
