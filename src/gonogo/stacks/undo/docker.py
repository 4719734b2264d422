"""Everything that a run made in Docker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.stacks.docker.engine import connect, remove_all
from gonogo.stacks.docker.templates import VolumeTemplates
from gonogo.stacks.local.cache import cache_folder


class DockerUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """Remove what carries the run's label, and templates that nobody finished. Raises StackError."""
        client = connect()
        try:
            remove_all(client, str(data["run_id"]))
            VolumeTemplates(cache_folder(), client).remove_unfinished()
        finally:
            client.close()


UNDO = DockerUndo()
