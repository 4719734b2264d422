"""What starting (or attaching to) one service of a stack yields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gonogo.stacks.interfaces import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A running (or attached) service, what `${name.…}` gives, and how it ends.

    `members` are further services that came with it, by full name (standbys). `outside` replaces those references that
    lead elsewhere for this host than for the stack's own services.
    """

    service: Service
    close: Callable[[], None]
    references: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Service] = field(default_factory=dict)
    image: str = ""
