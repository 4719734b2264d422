"""A mount that limits the size of a service's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gonogo.stacks.cleanup import kill_marked
from gonogo.stacks.local.mounts import unmount


class MountUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """End what the run still has at work, then unmount."""
        kill_marked(str(data["run_id"]), Path(data["scratch"]))
        unmount(Path(data["path"]))


UNDO = MountUndo()
