"""Extensions are found, never listed: one Python file in a package, or an entry point of a plug-in.

A module is imported only when its extension is used, so that listing stays fast.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from typing import Any, Generic, TypeVar, cast

from gonogo.core.errors import HarnessError, UsageError

T = TypeVar("T")
ENTRY_POINT_GROUP = "gonogo.plugins"


@cache
def plugin_entry_points() -> tuple[EntryPoint, ...]:
    """The entry points of all installed plug-ins; names are `kind:name`, e.g. `probe:kafka`."""
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


@dataclass(frozen=True, slots=True)
class Registry(Generic[T]):
    """The extensions of one kind: modules of `package` that define `attribute`, and plug-ins named `kind:name`."""

    kind: str
    package: str
    attribute: str
    protocol: Any  # the runtime-checkable protocol that extensions must satisfy

    def names(self) -> tuple[str, ...]:
        """All names, sorted, without importing any of them. A name defined twice is an error."""
        return tuple(sorted(self._sources()))

    def load(self, name: str) -> T:
        """Import one extension. Unknown names raise UsageError with a suggestion, broken ones HarnessError."""
        sources = self._sources()
        if name not in sources:
            close = difflib.get_close_matches(name, sources, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"unknown {self.kind} {name!r}{hint} (known: {', '.join(sorted(sources))})")
        source = sources[name]
        try:
            found: Any = source.load() if source else getattr(self._module(name), self.attribute)
        except (ImportError, AttributeError) as error:
            raise HarnessError(f"{self.kind} {name!r} cannot be loaded: {error}") from error
        if not isinstance(found, self.protocol):
            missing = sorted(set(dir(self.protocol)) - set(dir(found)))
            raise HarnessError(f"{self.kind} {name!r} lacks {', '.join(missing)}")
        return cast("T", found)

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{self.package}.{name}")

    def _sources(self) -> dict[str, EntryPoint | None]:
        found: dict[str, EntryPoint | None] = {}
        for entry in files(self.package).iterdir():
            if entry.name.endswith(".py") and not entry.name.startswith("_"):
                found[entry.name.removesuffix(".py")] = None
        for point in plugin_entry_points():
            kind, _, name = point.name.partition(":")
            if kind != self.kind:
                continue
            if name in found:
                raise HarnessError(f"{self.kind} {name!r} is defined twice: again by {point.value}")
            found[name] = point
        return found
