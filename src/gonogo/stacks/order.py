"""The order in which services start: what others refer to comes first."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from gonogo.core.errors import UsageError
from gonogo.stacks.references import services_referenced
from gonogo.stacks.services import Declared


def dependencies(declared: Mapping[str, Declared]) -> dict[str, set[str]]:
    """The services that each service refers to."""
    return {
        name: services_referenced(one.parameters.model_dump(mode="json"), declared) - {name}
        for name, one in declared.items()
    }


def start_order(declared: Mapping[str, Declared]) -> list[str]:
    """All services, each after those it refers to. Raises UsageError for a circle."""
    try:
        return list(TopologicalSorter(dependencies(declared)).static_order())
    except CycleError as error:
        raise UsageError(f"services refer to each other in a circle: {' -> '.join(error.args[1])}") from None


def needed_by(names: set[str], declared: Mapping[str, Declared]) -> set[str]:
    """The services, and everything they refer to, directly or not."""
    direct = dependencies(declared)
    found: set[str] = set()
    frontier = set(names)
    while frontier:
        found |= frontier
        frontier = {other for name in frontier for other in direct[name]} - found
    return found
