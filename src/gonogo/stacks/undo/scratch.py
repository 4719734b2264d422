"""The scratch folder of a run, with what still works in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gonogo.stacks.cleanup import remove_scratch


class ScratchUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """End what still works in the folder, free its clusters' shared memory, remove it."""
        remove_scratch(Path(data["path"]), data.get("run_id"))


UNDO = ScratchUndo()
