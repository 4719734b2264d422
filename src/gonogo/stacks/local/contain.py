"""Where programs run that somebody else's data may turn against us: psql, pg_restore, and the server that they fill."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import GonogoError, NotMeasurable
from gonogo.stacks.interfaces import ToolResult
from gonogo.stacks.local import contained
from gonogo.stacks.local.binaries import Binaries
from gonogo.stacks.local.processes import MARK, kill_tree
from gonogo.stacks.local.site import Child, Site
from gonogo.stacks.local.tools import end_of
from gonogo.stacks.local.walls import Walls

POLL_SECONDS = 0.005
MOST_OUTPUT_BYTES = 64 * 2**20
TOO_LONG_PATH = 90  # a socket's address holds 107 bytes


@dataclass(slots=True, kw_only=True)
class Box:
    """A folder of the run's scratch, and how programs run in it that see and change nothing else.

    `why_not` says why they are not contained; None where they are. `stopped` says who ended them all, and why.
    """

    site: Site
    binaries: Binaries
    folder: Path = field(init=False)
    why_not: str | None = field(init=False, default=None)
    stopped: str = field(init=False, default="")
    _walls: Walls = field(init=False)
    _server_walls: Walls = field(init=False)  # of PostgreSQL's programs, which may be those of an image
    _children: list[Child] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Make the folders. Raises NotMeasurable where the path is too long for a socket."""
        account, outer = self.site.account, self.site.scratch / "x"
        outer.mkdir(mode=0o711)
        self.folder = account.folder(outer / "box")
        if len(str(self.folder)) > TOO_LONG_PATH:
            raise NotMeasurable(f"{self.folder} is too long a path for a socket: set GONOGO_SCRATCH to a shorter one")
        self._logs.mkdir(mode=0o700)
        self._walls = Walls(
            account=account, bindir=self.binaries.bindir, box=self.folder, root=self.site.scratch / "root"
        )
        self._server_walls = replace(self._walls, programs=self.binaries.root)
        self.why_not = self._walls.tried(self._logs) or self._server_walls.tried(self._logs)
        if self.why_not is None:
            outer.chmod(0o700)  # what is contained needs no way in; nobody else gets one

    @property
    def _logs(self) -> Path:
        return self.site.scratch / "logs"

    def own(self, path: Path) -> Path:
        """Give what was put into the folder to the user that works in it."""
        self.site.account.own(path)
        return path

    def spawn(
        self,
        name: str,
        command: Sequence[str],
        *,
        stdin: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a program in the box; its output is `log_of(name)`."""
        self._check()
        child = self.site.spawn(
            name, self._command(command, stdin), folder=self.folder, log=self._logs / name,
            environment=self._environment(command, environment or {}), as_account=self.why_not is not None,
        )  # fmt: skip
        self._children.append(child)
        return child

    def log_of(self, name: str) -> str:
        """The end of what a program wrote."""
        return end_of(self._logs / name)

    def run(
        self,
        command: Sequence[str],
        *,
        deadline: Deadline,
        environment: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
        most_bytes: int | None = None,
        semaphores: Path | None = None,
    ) -> ToolResult:
        """Run a program to its end. `semaphores`: a folder for those that it shares with its children.

        A deadline, an interruption and a lack of space kill it with all that it started, a file of its that grows
        beyond `most_bytes` ends it. Raises NotMeasurable, Interrupted.
        """
        self._check()
        name = f"{Path(command[0]).name}-{time.monotonic_ns()}"
        out, err = stdout or self._logs / f"{name}.out", self._logs / f"{name}.err"
        started = time.monotonic()
        process = self.site.spawner.spawn(
            self._command(command, stdin, most_bytes, semaphores),
            environment=self._environment(command, environment or {}),
            folder=self.folder,
            stdout=out,
            stderr=err,
            account=self.site.account if self.why_not is not None else None,
        )
        try:
            ended = deadline.poll(
                lambda: process.poll() is not None or bool(self.stopped),
                every_seconds=POLL_SECONDS,
                what=f"{Path(command[0]).name} runs",
            )
            self._check()
        except GonogoError:
            kill_tree(process.pid)
            process.wait()
            raise
        said = end_of(err)
        if process.returncode == contained.REFUSED and contained.PREFIX in said:
            raise NotMeasurable(said.strip())
        text = "" if stdout else _whole(out)
        return ToolResult(exit_code=process.returncode, stdout=text, stderr=said, seconds=ended - started)

    def tool(self, name: str, arguments: Sequence[str], *, deadline: Deadline, stdin: Path | None = None) -> ToolResult:
        """Run one of PostgreSQL's programs."""
        return self.run([self.binaries.program(name), *arguments], deadline=deadline, stdin=stdin)

    def stop(self, reason: str) -> None:
        """End everything that works in the box, at once; whoever waits for it is told the reason."""
        self.stopped = self.stopped or reason
        self.empty()

    def empty(self) -> None:
        """End every program that was started and not waited for. Safe to call twice."""
        children, self._children = self._children, []
        for child in children:
            kill_tree(child.pid if child.running() else None, self.folder)
            child.gone()

    def close(self) -> None:
        """End everything, and see that the folder can be removed: what ran in it may have locked folders."""
        self.empty()
        self.folder.chmod(0o700)
        for top, names, _ in os.walk(self.folder):
            for path in (Path(top, name) for name in names):
                if not path.is_symlink():
                    path.chmod(0o700)

    def _check(self) -> None:
        if self.stopped:
            raise NotMeasurable(self.stopped)

    def _command(
        self,
        command: Sequence[str],
        stdin: Path | None,
        most_bytes: int | None = None,
        semaphores: Path | None = None,
    ) -> list[str]:
        """Contained, or as it is where that cannot be had and the caller trusts the data."""
        if self.why_not is not None:
            return ["/bin/sh", "-c", 'exec "$@" < "$0"', str(stdin or os.devnull), *command]
        return self._around(command).around(
            command=list(command),
            stdin=str(stdin) if stdin else None,
            most=most_bytes,
            semaphores=str(semaphores) if semaphores else None,
        )

    def _environment(self, command: Sequence[str], more: Mapping[str, str]) -> dict[str, str]:
        """Nothing of ours: what is in here is read by what somebody else wrote."""
        return {**self._around(command).environment, MARK: self.site.run.run_id, **more}

    def _around(self, command: Sequence[str]) -> Walls:
        """What is shown to a program: the host's are seen among the host's, those of an image among the image's."""
        return self._server_walls if Path(command[0]).parent == self.binaries.bindir else self._walls


def _whole(path: Path) -> str:
    """All that a program wrote. Raises NotMeasurable for more than anybody wants to read."""
    if path.stat().st_size > MOST_OUTPUT_BYTES:
        raise NotMeasurable(f"{path.name.partition('-')[0]} wrote more than {MOST_OUTPUT_BYTES >> 20} MiB")
    text = path.read_text(errors="replace")
    with suppress(OSError):
        path.unlink()
    return text


def decompressor(name: str) -> str | None:
    """A program of the system that decompresses, by its absolute path."""
    found = shutil.which(name, path="/usr/bin:/bin")
    return str(Path(found)) if found else None
