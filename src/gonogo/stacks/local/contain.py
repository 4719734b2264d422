"""Where programs run that somebody else's data may turn against us: psql, pg_restore, and the server that they fill.

Containment is found out by trying: `contained.py` makes it, looks around in it, and what it sees is the proof.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import GonogoError, NotMeasurable
from gonogo.stacks.interfaces import ToolResult
from gonogo.stacks.local import contained
from gonogo.stacks.local.binaries import Binaries
from gonogo.stacks.local.processes import MARK, kill_tree
from gonogo.stacks.local.site import Child, Site
from gonogo.stacks.local.tools import end_of

POLL_SECONDS = 0.005
PROBE_SECONDS = 30.0
MOST_OUTPUT_BYTES = 64 * 2**20
TOO_LONG_PATH = 90  # a socket's address holds 107 bytes
PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")


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
    _children: list[Child] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Make the folders. Raises NotMeasurable where the path is too long for a socket."""
        account, outer = self.site.account, self.site.scratch / "x"
        outer.mkdir(mode=0o711)
        self.folder = account.folder(outer / "box")
        if len(str(self.folder)) > TOO_LONG_PATH:
            raise NotMeasurable(f"{self.folder} is too long a path for a socket: set GONOGO_SCRATCH to a shorter one")
        self._root.mkdir()
        self._logs.mkdir(mode=0o700)
        self.why_not = self._tried()
        if self.why_not is None:
            outer.chmod(0o700)  # what is contained needs no way in; nobody else gets one

    @property
    def _root(self) -> Path:
        return self.site.scratch / "root"

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
            environment=self._environment(environment or {}), as_account=self.why_not is not None,
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
    ) -> ToolResult:
        """Run a program to its end.

        A deadline, an interruption and a lack of space kill it with all that it started, a file of its that grows
        beyond `most_bytes` ends it. Raises NotMeasurable, Interrupted.
        """
        self._check()
        name = f"{Path(command[0]).name}-{time.monotonic_ns()}"
        out, err = stdout or self._logs / f"{name}.out", self._logs / f"{name}.err"
        started = time.monotonic()
        process = self.site.spawner.spawn(
            self._command(command, stdin, most_bytes),
            environment=self._environment(environment or {}),
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

    def _command(self, command: Sequence[str], stdin: Path | None, most_bytes: int | None = None) -> list[str]:
        """Contained, or as it is where that cannot be had and the caller trusts the data."""
        if self.why_not is not None:
            return ["/bin/sh", "-c", 'exec "$@" < "$0"', str(stdin or os.devnull), *command]
        return self._contained({"command": list(command), "stdin": str(stdin) if stdin else None, "most": most_bytes})

    def _contained(self, what: Mapping[str, object]) -> list[str]:
        account = self.site.account
        given = {
            "box": str(self.folder), "root": str(self._root), "read_only": self._readable(),
            "uid": account.uid, "gid": account.gid, "stdin": None, "most": None, "probe": None, **what,
        }  # fmt: skip
        return [sys.executable, "-I", "-S", str(Path(contained.__file__)), json.dumps(given)]

    def _readable(self) -> list[str]:
        """The system's programs, and PostgreSQL's where they are not among them."""
        folders = (self.binaries.bindir.parent, self._libraries)
        own = [str(one) for one in folders if one.is_dir() and not one.is_relative_to("/usr")]
        return [*PROGRAMS, *own]

    @property
    def _libraries(self) -> Path:
        """Where a wheel's programs find their libraries by their own place, which only /proc could tell them."""
        package = self.binaries.bindir.parent.parent
        return package.with_name(f"{package.name}.libs")

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Nothing of ours: what is in here is read by what somebody else wrote."""
        given = os.environ.get("LD_LIBRARY_PATH", "")
        places = [str(self._libraries)] if self._libraries.is_dir() else []
        libraries = {"LD_LIBRARY_PATH": ":".join([*places, *([given] if given else [])])}
        home = str(self.folder)
        usual = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "TZ": "UTC",
            "HOME": home,
            "TMPDIR": home,
            "PGAPPNAME": "gonogo",
        }
        return {**usual, **libraries, MARK: self.site.run.run_id, **more}

    def _outside(self) -> list[str]:
        """What is on this host and must not be seen: nothing that is shown, or that leads to it."""
        shown = [self.folder, *map(Path, self._readable())]
        found = (self._logs, Path.home(), Path(__file__), Path("/etc/hostname"))
        return [
            str(one) for one in found if not any(one.is_relative_to(top) or top.is_relative_to(one) for top in shown)
        ]

    def _tried(self) -> str | None:
        """None where a program in the box is proven to be contained, else one sentence that says what is missing."""
        if self.site.account.uid == 0:
            return "it would run as root"
        command = self._contained({"command": [], "probe": self._outside()})
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False, cwd=self.folder,
                env=self._environment({}),
            )  # fmt: skip
            seen = json.loads(done.stdout)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"it cannot be tried: {error}"
        except ValueError:
            return done.stderr.strip().removeprefix(contained.PREFIX)[-300:] or "the trial said nothing"
        return _flaw(seen)


def _flaw(seen: Mapping[str, object]) -> str | None:
    """What a program can do in there that it must not be able to."""
    flaws = {
        "it runs as root": seen["user"] == 0,
        f"it has network interfaces: {seen['interfaces']}": seen["interfaces"] not in (["lo"], []),
        "it reaches the network": seen["network"],
        f"it can write to {seen['writable']}": seen["writable"],
        "it cannot write to its own folder": not seen["box"],
        "it sees processes of others": seen["processes"],
        f"it sees {seen['seen']}": seen["seen"],
        "it can make namespaces of its own": seen["namespaces"],
    }
    return next((sentence for sentence, true in flaws.items() if true), None)


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
