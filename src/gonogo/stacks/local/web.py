"""An HTTP service that runs as a child process."""

from __future__ import annotations

import http.client
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, StackError, StackTimedOut
from gonogo.stacks.interfaces import KillProof
from gonogo.stacks.local.processes import kill_tree, send
from gonogo.stacks.local.site import Child, Site
from gonogo.stacks.local.spawner import executable, minimal_environment
from gonogo.stacks.local.tools import end_of

HOST = "127.0.0.1"
POLL_SECONDS = 0.01
REQUEST_SECONDS = 5.0
TAIL_LINES = 15
PORT_TAKEN = re.compile(r"address already in use|EADDRINUSE", re.IGNORECASE)
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run and when it counts as started. `{port}` in the command is the port; PORT and HOST tell it too."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    ready: str | None  # a path that answers 200; None: any answer will do
    start_seconds: float
    stop_grace_seconds: float


class LocalHttp:
    """Implements HttpService."""

    def __init__(self, *, name: str, kind: str, program: Program, site: Site, source: Path | None = None) -> None:
        self.name = name
        self.kind = kind
        self.source = source
        self.port = site.port()
        self.url = f"http://{HOST}:{self.port}"
        self.log = site.scratch / f"{name}.log"
        self._program = program
        self._site = site
        self._child: Child | None = None

    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.running()

    def pids(self) -> tuple[int, ...]:
        """Its root process."""
        return (self._child.pid,) if self._child is not None and self._child.running() else ()

    def log_tail(self, lines: int = 40) -> str:
        """The end of its output."""
        return "\n".join(end_of(self.log).splitlines()[-lines:])

    def log_text(self) -> str:
        """All its output so far."""
        try:
            return self.log.read_text(errors="replace")
        except OSError as error:
            raise MissingCapability(f"the log of {self.name} cannot be read: {error.strerror}") from error

    def start(self, deadline: Deadline) -> None:
        """Start it on a port of its own; returns when it is ready. Raises StackError with the end of its output."""
        for attempt in range(TRIES):
            try:
                self._start(deadline)
            except StackError:
                if attempt + 1 == TRIES or not PORT_TAKEN.search(self.log_tail(TAIL_LINES)):
                    raise
                self.port = self._site.port()  # somebody took it between our look and its bind
                self.url = f"http://{HOST}:{self.port}"
                self.log.unlink()
            else:
                return

    def restart(self, deadline: Deadline) -> None:
        """Stop gracefully, start again on the same port."""
        self.stop(self._program.stop_grace_seconds)
        self._start(deadline)

    def _start(self, deadline: Deadline) -> None:
        environment = {**minimal_environment(), "HOST": HOST, "PORT": str(self.port), **self._program.environment}
        command = [part.replace("{port}", str(self.port)) for part in self._program.command]
        self._child = self._site.spawn(
            self.name,
            executable(command, path=environment.get("PATH"), folder=self._program.folder),
            folder=self._program.folder,
            log=self.log,
            environment=environment,
        )
        limit = deadline.within(self._program.start_seconds)
        try:
            limit.poll(self._is_ready, every_seconds=POLL_SECONDS, what=f"{self.name} becomes ready")
        except DeadlineExceeded:
            self.kill()
            raise StackTimedOut(
                f"{self.name}: {self._program.ready or '/'} did not answer{' 200' if self._program.ready else ''}"
                f" within {self._program.start_seconds:.0f} s\n{self.log_tail(TAIL_LINES)}"
            ) from None
        except BaseException:
            self.kill()
            raise

    def _is_ready(self) -> bool:
        assert self._child is not None
        if not self._child.running():
            code = self._child.gone()
            raise StackError(f"{self.name} ended with exit code {code}\n{self.log_tail(TAIL_LINES)}")
        return is_ready(self.port, self._program.ready)

    def stop(self, grace_seconds: float) -> int | None:
        """SIGTERM, wait, then SIGKILL for what is left of its tree. Returns the exit code, None if it did not run."""
        child = self._child
        if child is None or not child.running():
            return None
        send([child.pid], signal.SIGTERM)
        try:
            Deadline.after(grace_seconds).poll(
                lambda: not child.running(), every_seconds=POLL_SECONDS, what=f"{self.name} stops"
            )
        except DeadlineExceeded:
            kill_tree(child.pid)
        return child.gone()

    def kill(self) -> KillProof:
        """SIGKILL its tree."""
        proof = kill_tree(self._child.pid if self._child is not None and self._child.running() else None)
        if self._child is not None:
            self._child.gone()
        return proof

    def close(self) -> None:
        """End it at once: nobody waits for its answers any more. Safe to call twice."""
        self.kill()


def is_ready(port: int, path: str | None) -> bool:
    """Whether a path answers 200; without one, whether the service answers at all, be it that there is no such page."""
    status = status_of(port, path or "/")
    return status == http.HTTPStatus.OK if path else status is not None and status < http.HTTPStatus.BAD_GATEWAY


def status_of(port: int, path: str) -> int | None:
    """The status of a GET, None where nothing answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=REQUEST_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
