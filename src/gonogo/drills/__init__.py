"""Drill methods: how a backup is made and how it is restored. One file each, defining `METHOD`.

The runner does the rest: fingerprints, ledger, disaster, verification, phases, RTO and RPO.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gonogo.core.outcome import Capability
from gonogo.core.registry import Registry
from gonogo.spec.base import Spec
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer


class RestoreFailed(Exception):
    """The backup could not be restored: a finding (`restored` is false), not an error of gonogo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A finished backup. `covers_until` is the monotonic instant of its snapshot: nothing later is in it."""

    path: Path
    size_bytes: int
    seconds: float
    covers_until: float


@runtime_checkable
class Phases(Protocol):
    """Where a method says which phase of the restore begins; phases share their instants."""

    def begin(self, name: str) -> None:
        """End the current phase and begin the next one now."""


@runtime_checkable
class DrillMethod(Protocol):
    """A backup and restore method."""

    parameters: type[Spec]
    needs: frozenset[Capability]

    def backup(self, context: Context, parameters: Any, source: PostgresServer, folder: Path) -> Artefact:
        """Make a backup of `source` below `folder`."""

    def restore(
        self, context: Context, parameters: Any, artefact: Artefact, target: PostgresServer, phases: Phases
    ) -> None:
        """Restore into the fresh `target`, naming phases. Raises RestoreFailed with the tool's own words."""

    def artefact_defects(self) -> dict[str, Any]:
        """Named ways to break an artefact for the self-test: name → function(context, artefact, parameters)."""


@runtime_checkable
class Deferring(Protocol):
    """An extra ability: `restore` ends when every answer can be right, if slowly; `finish` brings what makes it fast.

    In between the application may already serve.
    """

    def finish(
        self, context: Context, parameters: Any, artefact: Artefact, target: PostgresServer, phases: Phases
    ) -> None:
        """Do what `restore` left for later, naming phases. Raises RestoreFailed."""


METHODS: Registry[DrillMethod] = Registry(
    kind="drill method", package="gonogo.drills", attribute="METHOD", protocol=DrillMethod
)
