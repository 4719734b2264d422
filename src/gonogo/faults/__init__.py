"""Faults: arm → inject → proof that it landed → hold → heal → proof that it healed. One file each, defining `FAULT`."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from gonogo.core.outcome import Capability
from gonogo.core.registry import Registry
from gonogo.spec.base import Spec
from gonogo.stacks.context import Context


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
    """A kind of fault. `parameters` is the model of its parameters in a scenario file (all have `after`, `hold`)."""

    parameters: type[Spec]
    needs: frozenset[Capability]

    def inject(self, context: Context, parameters: Any) -> Injected:
        """Record the undo intent, break something, prove that it is broken. Raises FaultDidNotLand."""

    def undo(self, context: Context | None, data: dict[str, Any]) -> None:
        """Heal from an undo record alone, after a killed run. Idempotent."""


FAULTS: Registry[Fault] = Registry(kind="fault", package="gonogo.faults", attribute="FAULT", protocol=Fault)
