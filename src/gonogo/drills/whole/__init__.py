"""Drills of all stores at once: how they are brought to one moment. One file each, defining `METHOD`.

The runner does the rest: documents with known fates, disaster, restore of every store, reconciliation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gonogo.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from gonogo.core.outcome import Capability
    from gonogo.drills import Artefact, Phases
    from gonogo.drills.stores import StoreArtefact
    from gonogo.spec.base import Spec
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore, PostgresServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The stores of a stack. `cache` is None where it runs none."""

    database: PostgresServer
    vectors: FileStore
    cache: FileStore | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """One copy of every store, made at one moment (monotonic seconds). `cache` is None where it comes back empty."""

    database: Artefact
    vectors: StoreArtefact
    cache: StoreArtefact | None
    at: float
    seconds: float

    @property
    def size_bytes(self) -> int:
        """All of them together."""
        return self.database.size_bytes + self.vectors.size_bytes + (self.cache.size_bytes if self.cache else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Fresh servers with what the copies held."""

    database: PostgresServer
    vectors: FileStore
    cache: FileStore | None


@runtime_checkable
class WholeMethod(Protocol):
    """A way to bring every store of a stack to one moment."""

    parameters: type[Spec]
    needs: frozenset[Capability]

    def parts(self, context: Context, parameters: Any) -> Parts:
        """The stores. Raises NotMeasurable where one of them cannot be copied."""

    def copy(self, context: Context, parameters: Any, parts: Parts, folder: Path, look: Callable[[], None]) -> Copies:
        """Copy every store while nothing is written. Raises RestoreFailed.

        `look` is called before the first copy and after the last: what it sees then has to be the same.
        """

    def last_look(self, context: Context, parameters: Any, parts: Parts, copies: Copies, folder: Path) -> Copies:
        """Just before the disaster: what is carried over from that time instead of from the moment."""

    def restored(
        self, context: Context, parameters: Any, parts: Parts, copies: Copies, phases: Phases
    ) -> AbstractContextManager[Restored]:
        """Restore every store into a fresh server, naming phases. Raises RestoreFailed, NotMeasurable."""

    def artefact_defects(self) -> Mapping[str, Callable[[Copies, Copies], Copies]]:
        """Named ways to mix up copies: name → function(copies, copies of yesterday)."""


WHOLE_METHODS: Registry[WholeMethod] = Registry(
    kind="whole-stack drill method", package="gonogo.drills.whole", attribute="METHOD", protocol=WholeMethod
)
