"""Drill methods: how a backup is made and how it is restored. One file each, defining `METHOD`.

The runner does the rest: fingerprints, ledger, disaster, verification, phases, RTO and RPO.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gonogo.core.registry import Registry

if TYPE_CHECKING:
    from gonogo.core.outcome import Capability
    from gonogo.spec.base import Spec
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer, ToolResult

TOOL_WORDS = 2000


class RestoreFailed(Exception):
    """The backup could not be restored: a finding (`restored` is false), not an error of gonogo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A moment to recover to, as the server names it, between two monotonic instants of ours."""

    kind: str  # time, name, lsn, xid
    value: str
    before: float  # what was acknowledged by then has to be there
    after: float  # what was sent later must not be


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A finished backup. `covers_until` (monotonic seconds): what was acknowledged by then is in it.

    What follows the source until the disaster is never finished: `behind_seconds` says how far it may be behind then.
    What goes on collecting after the backup (WAL) ends with `stop()` at the very disaster; it may be called twice.
    """

    path: Path
    size_bytes: int
    seconds: float
    covers_until: float
    stop: Callable[[], None] = _nothing
    receiver: str = ""  # who receives the WAL, as pg_stat_replication names it
    target: Target | None = None
    behind_seconds: float | None = None
    own: Any = None  # the method's: nobody else looks at it


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


@runtime_checkable
class Physical(Protocol):
    """An extra ability: the backup is a data directory, and the restored server starts from it."""

    def fill(self, context: Context, parameters: Any, artefact: Artefact, data: Path, phases: Phases) -> None:
        """Put the backup at `data`, which is not there yet, naming phases. The server's start follows.

        What it holds is the source's, statistics and roles included. Raises RestoreFailed.
        """

    def settings(self, parameters: Any, artefact: Artefact) -> Mapping[str, str]:
        """Settings of the restored server, for its recovery."""


@runtime_checkable
class Aiming(Protocol):
    """An extra ability: recovery to a moment that is chosen while writes go on, before the disaster."""

    def aim(self, context: Context, parameters: Any, source: PostgresServer, artefact: Artefact) -> Artefact:
        """Choose the moment now: the artefact with its target."""

    def to_the_end(self, parameters: Any) -> Any:
        """The parameters of a recovery to the end of what there is, for an artefact without a target."""


@runtime_checkable
class Standing(Protocol):
    """An extra ability: what takes over runs before the disaster already, and follows the source until then.

    The artefact's `stop` ends that and orders its promotion; `restore` is given what stands, and waits.
    """

    def standing(
        self, context: Context, parameters: Any, source: PostgresServer, artefact: Artefact
    ) -> AbstractContextManager[tuple[PostgresServer, Artefact]]:
        """Start it from the artefact; it is up and follows, and gone on leaving. Raises RestoreFailed."""


METHODS: Registry[DrillMethod] = Registry(
    kind="drill method", package="gonogo.drills", attribute="METHOD", protocol=DrillMethod
)


def printable(text: str) -> str:
    """Text that somebody else wrote, without what would steer a terminal.

    >>> printable("role \x1b[31mred\x07")
    'role ?[31mred?'
    """
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in text)


def words(result: ToolResult) -> str:
    """What a tool said of its failure, in one line."""
    text = printable(" ".join(result.stderr.split()))[-TOOL_WORDS:]
    return f"{text or 'it said nothing'} (exit code {result.exit_code})"
