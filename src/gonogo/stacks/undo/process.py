"""A process that a run started on this host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gonogo.stacks.cleanup import end_recorded, kill_marked
from gonogo.stacks.local.processes import boot_id


class ProcessUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """End the process that the record names; a record made before the start names only the run's mark."""
        pid = data.get("pid")
        if pid is None:
            kill_marked(str(data["run_id"]), Path(data["scratch"]))
        elif data.get("boot_id") == boot_id():
            end_recorded(int(pid), data.get("start"))


UNDO = ProcessUndo()
