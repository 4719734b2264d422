"""What every service in a container of its own does alike."""

from __future__ import annotations

from gonogo.stacks.docker.box import Box
from gonogo.stacks.interfaces import KillProof


class InContainer:
    """Implements the part of Service that does not depend on what runs in the container."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def is_running(self) -> bool:
        """Whether its container lives."""
        return self._box.is_running()

    def pids(self) -> tuple[int, ...]:
        """Everything in its container."""
        return self._box.host_pids()

    def log_tail(self, lines: int = 40) -> str:
        """The end of its output."""
        return self._box.log_text(lines=lines).rstrip("\n")

    def kill(self) -> KillProof:
        """SIGKILL its container."""
        return self._box.kill()


class InOwnContainer(InContainer):
    """One whose container gonogo made."""

    def close(self) -> None:
        """End and remove it. Safe to call twice."""
        self._box.remove()
