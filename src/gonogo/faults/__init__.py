"""Faults: arm → inject → proof that it landed → hold → heal → proof that it healed. One file each, defining `FAULT`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gonogo.core.deadline import Deadline
from gonogo.core.registry import Registry
from gonogo.spec.base import Seconds, Spec

if TYPE_CHECKING:
    from gonogo.core.outcome import Capability
    from gonogo.stacks.context import Context

HEAL_SECONDS = 60.0


class FaultParameters(Spec):
    """Keys of every fault: how long after the one before it (or the start) it comes, and how long it is held."""

    after: Seconds = 2.0
    hold: Seconds = 3.0


class FaultDidNotLand(Exception):
    """The proof that a fault took effect failed: the scenario is UNKNOWN."""


class FaultDidNotHeal(Exception):
    """The proof that a fault is gone failed: the run ends with exit code 4."""


@runtime_checkable
class Injected(Protocol):
    """A fault that is in effect. All methods may be called from a thread of the runner."""

    proof: str  # one sentence: what showed that it landed
    injected_at: float  # monotonic seconds: when it took effect

    def heal(self, context: Context) -> str:
        """Undo it, prove that it is gone, and return the proof. Idempotent. Raises FaultDidNotHeal."""


@runtime_checkable
class Fault(Protocol):
    """A kind of fault. `parameters` is the model of its parameters in a scenario file."""

    parameters: type[FaultParameters]
    needs: frozenset[Capability]

    def inject(self, context: Context, parameters: Any) -> Injected:
        """Record the undo intent, break something, prove that it is broken. Raises FaultDidNotLand."""

    def undo(self, context: Context | None, data: dict[str, Any]) -> str | None:
        """Heal from an undo record alone, after a killed run. Idempotent. A text says why nothing was to be done."""


def unhurried(context: Context) -> Context:
    """The context with time of its own: an interrupted or late run heals all the same.

    A server that lost its place is copied from another one.
    """
    return replace(context, deadline=Deadline.after(HEAL_SECONDS + context.facts.copying_seconds))


FAULTS: Registry[Fault] = Registry(kind="fault", package="gonogo.faults", attribute="FAULT", protocol=Fault)
