"""The LLM stub, told to misbehave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LlmStubUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """Nothing: the stub is a process or a container of the run that was killed, and ends with it."""


UNDO = LlmStubUndo()
