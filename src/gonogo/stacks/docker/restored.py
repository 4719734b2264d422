"""A server of the run whose data are restored files."""

from __future__ import annotations

import shutil
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.stacks.docker.server import DockerPostgres
from gonogo.stacks.interfaces import REPLAY, ScratchRequest

MOVING = "into the volume"


def fill(server: DockerPostgres, request: ScratchRequest, scratch: Path, deadline: Deadline) -> None:
    """Restored here, where gonogo may look at the files, then moved to where the engine keeps data. It is not started.

    Raises what `request.fill` does, StackError.
    """
    assert request.fill is not None
    folder = scratch / f"{server.name}.data"
    try:
        request.fill(folder)
        request.phase(MOVING)
        server.take_in(folder, deadline)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    request.phase(REPLAY)
