"""A service of the run, stopped on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class StoppedServiceUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """Nothing: it is a process or a container of the run that was killed, and ends with it."""


UNDO = StoppedServiceUndo()
