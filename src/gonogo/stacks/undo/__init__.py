"""Kinds of undo record: how what a killed run had started is ended. One file each, defining `UNDO`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from gonogo.core.registry import Registry


@runtime_checkable
class Undo(Protocol):
    """Ends one kind of thing."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """End or remove what `data` describes, wherever the run was cut off. Idempotent. Raises StackError."""


UNDOS: Registry[Undo] = Registry(kind="undo kind", package="gonogo.stacks.undo", attribute="UNDO", protocol=Undo)
