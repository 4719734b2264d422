"""Probes measure; they never judge. One probe is one file that defines `PROBE`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gonogo.core.registry import Registry

if TYPE_CHECKING:
    from gonogo.core.observation import Observation
    from gonogo.core.outcome import Capability
    from gonogo.spec.base import Spec
    from gonogo.spec.contract import ContractSpec
    from gonogo.stacks.context import Context


@runtime_checkable
class Probe(Protocol):
    """A way to measure. `parameters` is the model of a check's `with:`; it needs the capabilities `needs`."""

    parameters: type[Spec]
    needs: frozenset[Capability]

    def observe(self, context: Context, parameters: Any) -> Iterable[Observation]:
        """Measure and yield. Raises NotMeasurable with the reason when nothing can be said."""


@runtime_checkable
class Asking(Protocol):
    """A probe that asks the application through its contract, and says what it cannot do without."""

    def undeclared(self, parameters: Any, contract: ContractSpec) -> tuple[str, ...]:
        """The requests that it needs and that the contract does not declare: then a check of it is unsupported."""


PROBES: Registry[Probe] = Registry(kind="probe", package="gonogo.probes", attribute="PROBE", protocol=Probe)
