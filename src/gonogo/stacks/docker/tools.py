"""PostgreSQL's client tools, run inside of a server's container with a deadline."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import GonogoError
from gonogo.stacks.docker.engine import speaking
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.interfaces import ToolResult

if TYPE_CHECKING:
    from docker.models.containers import Container

POLL_SECONDS = 0.005
END_SECONDS = 5.0
NOT_RUNNING = 2  # what PostgreSQL's tools exit with when no server can be reached
CONFLICT = 409  # the engine's answer for a container that does not run, or is paused
# The shell's process becomes the tool's: its pid, as the container counts, is known from the start.
WRAPPER = 'umask 077 && echo $$ >"$1" && out=$2 err=$3 && shift 3 && exec "$@" >"$out" 2>"$err"'


def run_tool(
    site: DockerSite,
    container: Container,
    command: Sequence[str],
    connection: Mapping[str, str],
    *,
    deadline: Deadline,
    stdout: Path | None,
) -> ToolResult:
    """Run a tool to its end as the user that gonogo is, so that its files are ours; they lie in the scratch folder."""
    with tempfile.TemporaryDirectory(dir=site.scratch, prefix="tool-") as folder:
        out, err, pid = stdout or Path(folder, "stdout"), Path(folder, "stderr"), Path(folder, "pid")
        call = _Call(container, [str(pid), str(out), str(err), *command], connection)
        started = time.monotonic()
        call.thread.start()
        try:
            ended = deadline.poll(
                lambda: not call.thread.is_alive(), every_seconds=POLL_SECONDS, what=f"{command[0]} runs"
            )
        except GonogoError:
            _kill(container, pid)
            call.thread.join(END_SECONDS)
            raise
        if call.error is not None:
            raise call.error
        return ToolResult(
            exit_code=call.exit_code,
            stdout="" if stdout else _text(out),
            stderr=call.complaint + _text(err),
            seconds=ended - started,
        )


@contextmanager
def running_tool(
    site: DockerSite, container: Container, command: Sequence[str], connection: Mapping[str, str]
) -> Iterator[Callable[[], str]]:
    """Run a tool that goes on; killed on leaving. Yields a function that gives what it has complained of."""
    with tempfile.TemporaryDirectory(dir=site.scratch, prefix="tool-") as folder:
        out, err, pid = Path(folder, "stdout"), Path(folder, "stderr"), Path(folder, "pid")
        call = _Call(container, [str(pid), str(out), str(err), *command], connection)
        call.thread.start()
        try:
            yield lambda: f"{call.complaint}{_text(err)}"
        finally:
            _kill(container, pid)
            call.thread.join(END_SECONDS)


def _kill(container: Container, pid: Path) -> None:
    with suppress(GonogoError), speaking("the tool cannot be ended"):
        container.exec_run(["sh", "-c", f'kill -9 "$(cat {pid})"'], user=ourselves())


def ourselves() -> str:
    """Our user and group, for what containers do on our behalf."""
    return f"{os.getuid()}:{os.getgid()}"


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


class _Call:
    """One exec, waited for in a thread of its own: the engine answers when the tool has ended."""

    def __init__(self, container: Container, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._container = container
        self._command = ["sh", "-c", WRAPPER, "gonogo", *arguments]
        self._environment = dict(environment)
        self.thread = threading.Thread(target=self._run, name="gonogo-tool", daemon=True)
        self.exit_code = NOT_RUNNING
        self.complaint = ""
        self.error: GonogoError | None = None

    def _run(self) -> None:
        try:
            with speaking("the tool cannot be run"):
                done: Any = self._container.exec_run(
                    self._command, environment=self._environment, user=ourselves(), workdir="/"
                )
        except GonogoError as error:
            if getattr(error.__cause__, "status_code", None) == CONFLICT:
                self.complaint = f"{error}\n"  # as if no server could be reached
            else:
                self.error = error
        else:
            self.exit_code = int(done.exit_code)
            self.complaint = done.output.decode(errors="replace")
