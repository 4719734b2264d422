"""Everything that a run made in Docker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.core.errors import StackError
from gonogo.stacks.docker.engine import connect, leftovers, remove_run


class DockerUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """Remove what carries the run's label. Raises StackError, also when no engine answers."""
        run_id = str(data["run_id"])
        client = connect()
        try:
            remove_run(client, run_id)
            if left := leftovers(client, run_id):
                raise StackError(f"still in Docker: {', '.join(left)}")
        finally:
            client.close()


UNDO = DockerUndo()
