"""Extensions are found, never listed: one Python file in a package, or an entry point of a plug-in.

A module is imported only when its extension is used, so that listing stays fast.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from typing import Any, Generic, TypeVar, cast

from gonogo.core.errors import HarnessError, UsageError
from gonogo.core.suggestion import did_you_mean

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

    def own_names(self) -> tuple[str, ...]:
        """The names of those that come with gonogo."""
        return _modules(self.package)

    def load(self, name: str) -> T:
        """Import one extension. Unknown names raise UsageError with a suggestion, broken ones HarnessError."""
        sources = self._sources()
        if name not in sources:
            hint = did_you_mean(name, sources)
            raise UsageError(f"unknown {self.kind} {name!r}{hint} (known: {', '.join(sorted(sources))})")
        return cast("T", _imported(self, name, sources[name]))

    def _sources(self) -> dict[str, EntryPoint | None]:
        found: dict[str, EntryPoint | None] = dict.fromkeys(_modules(self.package))
        for point in plugin_entry_points():
            kind, _, name = point.name.partition(":")
            if kind != self.kind:
                continue
            if name in found:
                raise HarnessError(f"{self.kind} {name!r} is defined twice: again by {point.value}")
            found[name] = point
        return found


@cache
def _imported(registry: Registry[Any], name: str, plugin: EntryPoint | None) -> Any:
    """One extension, imported and seen to have what its protocol asks for, once."""
    kind = registry.kind
    try:
        found = plugin.load() if plugin else _attribute(registry, name)
    except (ImportError, AttributeError) as error:
        raise HarnessError(f"{kind} {name!r} cannot be loaded: {error}") from error
    if not isinstance(found, registry.protocol):
        missing = sorted(set(dir(registry.protocol)) - set(dir(found)))
        raise HarnessError(f"{kind} {name!r} lacks {', '.join(missing)}")
    return found


def _attribute(registry: Registry[Any], name: str) -> Any:
    return getattr(importlib.import_module(f"{registry.package}.{name}"), registry.attribute)


@cache
def _modules(package: str) -> tuple[str, ...]:
    """The public modules of a package, from its files: none is imported."""
    names = (entry.name for entry in files(package).iterdir())
    return tuple(name.removesuffix(".py") for name in names if name.endswith(".py") and not name.startswith("_"))
