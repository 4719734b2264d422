"""Which kind of drill a method is: each kind has a registry of its own, and a runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.core.errors import UsageError
from gonogo.core.suggestion import did_you_mean
from gonogo.drills import METHODS
from gonogo.drills.stores import STORE_METHODS
from gonogo.drills.whole import WHOLE_METHODS

if TYPE_CHECKING:
    from gonogo.core.registry import Registry

REGISTRIES: tuple[Registry[Any], ...] = (METHODS, STORE_METHODS, WHOLE_METHODS)


def registry_of(method: str) -> Registry[Any]:
    """The registry that knows a method. Raises UsageError with a suggestion."""
    for registry in REGISTRIES:
        if method in registry.names():
            return registry
    known = sorted(name for registry in REGISTRIES for name in registry.names())
    raise UsageError(f"unknown drill method {method!r}{did_you_mean(method, known)} (known: {', '.join(known)})")
