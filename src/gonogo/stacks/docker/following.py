"""What containers write, followed into the run directory while they live: also there when the run is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from struct import Struct
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import StackError
from gonogo.rundir.logs import RunLog
from gonogo.stacks.docker.engine import speaking

if TYPE_CHECKING:
    from docker.models.containers import Container

END_SECONDS = 1.0
HEADER = Struct(">BxxxL")  # which output it is, and how many bytes of it follow
ENDLESS: dict[str, Any] = {"stream": True, "timeout": None}
# The file may not be there yet, and may never be; the shell's process becomes tail's.
TAIL = 'exec tail -c "+$1" -F "$2" 2>/dev/null'


class Follower:
    """Follows one source of one container in a thread of its own, once per life of the container."""

    def __init__(self, log: RunLog, stream: Callable[[Container, int, float], Generator[bytes]]) -> None:
        self._log = log
        self._stream = stream
        self._bytes = 0
        self._thread: threading.Thread | None = None

    def follow(self, container: Container, began: float) -> None:
        """Follow a life that began at a wall-clock instant (seconds); returns at once."""
        self.end()
        arguments = (container, self._bytes, began)
        self._thread = threading.Thread(target=self._run, args=arguments, name="gonogo-log", daemon=True)
        self._thread.start()

    def _run(self, container: Container, seen: int, began: float) -> None:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with the SDK, see engine.connect

        with (  # the container was removed, the engine stopped
            suppress(StackError, OSError, HTTPError),
            speaking("the log ended"),
            closing(self._stream(container, seen, began)) as pieces,
        ):
            for piece in pieces:
                self._bytes += len(piece)
                self._log.write(piece)
        with suppress(OSError):  # a full disk must not end more than the log
            self._log.close()

    def end(self) -> None:
        """Wait until what a container that has ended wrote is kept; not for long."""
        if self._thread is not None:
            self._thread.join(END_SECONDS)
        self._thread = None


def output(container: Container, _seen: int, began: float) -> Generator[bytes]:
    """What its processes write, from the beginning of this life on."""
    api, address = _engine(container)
    wanted = {"stdout": 1, "stderr": 1, "follow": 1, "since": f"{began:.9f}"}
    yield from _frames(api.get(f"{address}/containers/{container.id}/logs", params=wanted, **ENDLESS))


def file(path: str) -> Callable[[Container, int, float], Generator[bytes]]:
    """What is appended to a file inside of the container, from what was seen before on."""

    def stream(container: Container, seen: int, _began: float) -> Generator[bytes]:
        api, address = _engine(container)
        call = api.exec_create(container.id, ["sh", "-c", TAIL, "gonogo", str(seen + 1), path])
        told = {"Detach": False, "Tty": False}
        yield from _frames(api.post(f"{address}/exec/{call['Id']}/start", json=told, **ENDLESS))

    return stream


def _engine(container: Container) -> tuple[Any, str]:
    """The SDK's session, for asking as it does, but without its timeout: and it never closes what it streams."""
    api: Any = container.client.api  # type: ignore[union-attr]  # a container that was found has one
    return api, f"{api.base_url}/v{api.api_version}"


def _frames(answer: Any) -> Generator[bytes]:
    """The content of an answer that mixes standard output and standard error, as long as it comes."""
    with closing(answer) as response:
        response.raise_for_status()
        while len(header := response.raw.read(HEADER.size)) == HEADER.size:
            yield response.raw.read(HEADER.unpack(header)[1])


def now() -> float:
    """The wall-clock instant, in seconds, as `follow` wants it."""
    return time.time()
