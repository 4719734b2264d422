"""Drill methods of the stores beside the database: how their files are copied and started from again.

One file each, defining `METHOD`. The runner does the rest: planting, ledger, disaster, comparison, phases, RTO and RPO.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gonogo.core.registry import Registry

if TYPE_CHECKING:
    from gonogo.core.outcome import Capability
    from gonogo.spec.base import Spec
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a store holds: what kind of thing, a digest of its value, when it ends by itself.

    `digest` is None for a value that cannot be compared; `expires_ms` (Unix milliseconds) for one that stays.
    """

    kind: str
    digest: str | None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """Everything that a store holds, by name, whatever order it was read in.

    `group` says where a name belongs: a database of Redis, a collection of Chroma.
    """

    items: Mapping[str, Item]
    group: Callable[[str], str]
    read_at_ms: int  # by the store's own clock: what ended before that is not missing
    thrown_away: int = 0  # by the store itself, for want of room, since it started
    known: Any = None  # what the reader asks for again, with the right answers

    def groups(self) -> dict[str, int]:
        """How many things each group holds."""
        found: dict[str, int] = {}
        for name in self.items:
            found[self.group(name)] = found.get(self.group(name), 0) + 1
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreArtefact:
    """A finished copy, a folder. `covers_until` (monotonic seconds): what was acknowledged by then has to be in it."""

    path: Path
    size_bytes: int
    seconds: float
    covers_until: float


class WriteRefused(Exception):
    """The store said no: the write did not happen. Everything else that goes wrong says nothing."""


@runtime_checkable
class Writer(Protocol):
    """Writes and deletes numbered entries, one at a time. Returns when the store has acknowledged.

    Raises WriteRefused, or NotMeasurable where the answer did not come.
    """

    def write(self, number: int) -> None:
        """Store an entry."""

    def delete(self, number: int) -> None:
        """Delete one that was stored."""

    def close(self) -> None:
        """Close its connection."""


@runtime_checkable
class StoreReader(Protocol):
    """How one kind of store is read and written by a drill."""

    rate_per_second: float  # of the ledger
    deleted: str  # the name in a portrait of what was planted and deleted before the copy began

    def planted(self, context: Context, store: FileStore) -> AbstractContextManager[Callable[[], None]]:
        """Plant things of every kind that the store knows, beside what it holds; on leaving, they are gone again.

        What is given deletes one of them for good: a copy that brings it back is older than that.
        """

    def portrait(self, store: FileStore) -> Portrait:
        """Everything that it holds but the ledger's entries. Raises NotMeasurable."""

    def writer(self, store: FileStore) -> Writer:
        """A writer of the ledger's entries."""

    def entries(self, store: FileStore) -> set[int]:
        """The numbers of the ledger's entries that it holds."""

    def forget(self, store: FileStore) -> None:
        """Remove what the ledger wrote."""

    def answers_right(self, store: FileStore, before: Portrait) -> bool:
        """Whether what was known comes back as it was. Raises NotMeasurable where no answer comes."""


@runtime_checkable
class Searched(Protocol):
    """An extra ability of a reader: its store finds neighbours, and what is true can be computed."""

    def recalls(self, store: FileStore, before: Portrait) -> dict[str, list[float]]:
        """For each collection the share of the true neighbours that each known question finds. Raises NotMeasurable."""


@runtime_checkable
class StoreMethod(Protocol):
    """A backup and restore method of a store."""

    parameters: type[Spec]
    needs: frozenset[Capability]
    reader: StoreReader

    def service(self, context: Context, parameters: Any) -> FileStore:
        """The store that is backed up. Raises NotMeasurable where it keeps nothing that this method could copy."""

    def backup(self, context: Context, parameters: Any, source: FileStore, folder: Path) -> StoreArtefact:
        """Copy the files of `source` below `folder`, as operators do. Raises RestoreFailed where there is no copy."""

    def fill(self, context: Context, parameters: Any, artefact: StoreArtefact, data: Path) -> None:
        """Put the copy into the empty data folder of the server that starts next. Raises RestoreFailed."""

    def settings(self, parameters: Any) -> Mapping[str, str]:
        """Settings of the restored server that differ from the source's."""

    def artefact_defects(self) -> dict[str, Any]:
        """Named ways to break a copy for the self-test: name → function(context, artefact, parameters)."""


OF_ANOTHER_DAY = "of_another_day"  # known to the runner: it makes a copy before everything that follows


STORE_METHODS: Registry[StoreMethod] = Registry(
    kind="store drill method", package="gonogo.drills.stores", attribute="METHOD", protocol=StoreMethod
)


def size_of(path: Path) -> int:
    """The bytes in the files of a folder, as far as they stay there."""
    total = 0
    for one in path.rglob("*"):
        with suppress(FileNotFoundError):
            total += one.stat().st_size if one.is_file() else 0
    return total
