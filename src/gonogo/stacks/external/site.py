"""What attaching to a service needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gonogo.stacks.external.access import Access
from gonogo.stacks.external.hooks import Hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSite:
    """The run as a service that already runs sees it. `resolve` fills in the references of the stack file."""

    resolve: Callable[[Any], Any]
    access: Access
    hooks: Hooks
