"""What containers write, followed into the run directory while they live: also there when the run is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from gonogo.core.errors import StackError
from gonogo.rundir.logs import RunLog
from gonogo.stacks.docker.engine import speaking

if TYPE_CHECKING:
    from docker.models.containers import Container

END_SECONDS = 1.0
# The file may not be there yet, and may never be; the shell's process becomes tail's.
TAIL = 'exec tail -c "+$1" -F "$2" 2>/dev/null'


class Follower:
    """Follows one source of one container in a thread of its own, once per life of the container."""

    def __init__(self, log: RunLog, stream: Callable[[Container, int, float], Iterable[bytes]]) -> None:
        self._log = log
        self._stream = stream
        self._bytes = 0
        self._began = 0.0
        self._thread: threading.Thread | None = None

    def follow(self, container: Container, began: float) -> None:
        """Follow a life that began at a wall-clock instant (seconds); returns at once."""
        self.end()
        arguments = (container, self._bytes, began)
        self._thread = threading.Thread(target=self._run, args=arguments, name="gonogo-log", daemon=True)
        self._thread.start()

    def _run(self, container: Container, seen: int, began: float) -> None:
        with suppress(StackError, OSError), speaking("the log ended"):  # the container was removed, the engine stopped
            for piece in self._stream(container, seen, began):
                self._bytes += len(piece)
                self._log.write(piece)
        with suppress(OSError):  # a full disk must not end more than the log
            self._log.close()

    def end(self) -> None:
        """Wait until what a container that has ended wrote is kept; not for long."""
        if self._thread is not None:
            self._thread.join(END_SECONDS)
        self._thread = None


def output(container: Container, _seen: int, began: float) -> Iterable[bytes]:
    """What its processes write, from the beginning of this life on."""
    return container.logs(stream=True, follow=True, since=began)


def file(path: str) -> Callable[[Container, int, float], Iterable[bytes]]:
    """What is appended to a file inside of the container, from what was seen before on."""

    def stream(container: Container, seen: int, _began: float) -> Iterable[bytes]:
        command = ["sh", "-c", TAIL, "gonogo", str(seen + 1), path]
        pieces: Any = container.exec_run(command, stream=True).output
        return cast("Iterable[bytes]", pieces)

    return stream


def now() -> float:
    """The wall-clock instant, in seconds, as `follow` wants it."""
    return time.time()
