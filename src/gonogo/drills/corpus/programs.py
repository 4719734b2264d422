"""PostgreSQL's programs and the system's, run plainly for the corpus: each with a limit, none outliving gonogo.

What is restored with them is our own database, damaged: it holds nothing that could be turned against the host.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from gonogo.core.errors import StackError
from gonogo.drills.corpus.methods import DATABASE
from gonogo.stacks.local.account import Account
from gonogo.stacks.local.binaries import Binaries
from gonogo.stacks.local.processes import MARK
from gonogo.stacks.local.site import Child, Site

SUPERUSER = "postgres"
CPU_SECONDS, WALL_SECONDS = 10, 120.0  # of a program; pg_restore can spin for ever on an archive that is cut
FIRST_PORT = 10_000  # of the sockets' names: nothing listens on a network
START_SECONDS, STOP_SECONDS, POLL_SECONDS = 60.0, 30.0, 0.005
SETTINGS = {
    "listen_addresses": "",
    "archive_mode": "off",
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",  # nothing here outlives the run
    "shared_buffers": "32MB",
    "logging_collector": "off",
    "autovacuum": "off",  # a backup taken twice must not differ by what nobody asked for
}


class Refused(Exception):
    """A program refused what it was given, with its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running one. `host`: the folder of its socket."""

    host: Path
    port: int
    data: Path

    def dsn(self, database: str) -> str:
        """Of the superuser."""
        return f"host={self.host} port={self.port} user={SUPERUSER} dbname={database} client_encoding=UTF8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """How programs are run below one folder, by the unprivileged user."""

    site: Site
    binaries: Binaries
    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(50_000)))

    @property
    def account(self) -> Account:
        """Who they run as."""
        return self.site.account

    def run(
        self, program: str, *arguments: str | Path, to: Server | None = None, text: str | None = None,
        out: Path | None = None, append: bool = False, complaints: bool = False,
    ) -> str:  # fmt: skip
        """Run a program to its end, `to` a server; returns what it wrote, or writes it to `out`. Raises Refused.

        `complaints`: returns what it wrote to standard error instead.
        """
        path = self.binaries.bindir / program
        found = str(path) if path.is_file() else shutil.which(program, path="/usr/bin:/bin")
        if found is None:
            raise StackError(f"there is no program {program} here")
        limited = ["/bin/sh", "-c", f'ulimit -t {CPU_SECONDS}; exec "$0" "$@"', found, *map(str, arguments)]
        done = _ended(limited, self.environment(to), self, text, out, append=append)
        return (done.stderr if complaints else done.stdout or b"").decode(errors="replace")

    def environment(self, to: Server | None = None) -> dict[str, str]:
        """What a program finds, and the server that it speaks to."""
        found = {
            "PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.folder), MARK: self.site.run.run_id
        }  # fmt: skip
        if library := os.environ.get("LD_LIBRARY_PATH"):
            found["LD_LIBRARY_PATH"] = library
        if to is not None:
            found |= {"PGHOST": str(to.host), "PGPORT": str(to.port), "PGUSER": SUPERUSER}
        return found

    def sql(self, server: Server, statements: str, database: str = DATABASE) -> None:
        """Run statements as superuser, up to the first that fails. Raises Refused."""
        arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-d", database]
        self.run("psql", *arguments, to=server, text=statements)

    @contextmanager
    def server(self, data: Path, more: Mapping[str, str] | None = None) -> Iterator[Server]:
        """A server on a data directory, with `more` settings. Raises Refused where none starts from it."""
        log = self.folder / f"{data.name}.log"
        log.unlink(missing_ok=True)
        found = Server(host=self.folder, port=FIRST_PORT + next(self.numbers), data=data)
        settings = {**SETTINGS, **(more or {}), "unix_socket_directories": str(self.folder), "port": str(found.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [self.binaries.program("postgres"), "-D", str(data), *options]
        child = self.site.spawn(data.name, command, folder=self.folder, log=log, as_account=True)
        try:
            self._await(child, data, log)
            yield found
        finally:
            _stopped(child)

    def _await(self, child: Child, data: Path, log: Path) -> None:
        limit = time.monotonic() + START_SECONDS
        while True:
            if not child.running():
                raise Refused(f"no server starts: {_last_words(log)}")
            with suppress(OSError):
                if "ready" in (data / "postmaster.pid").read_text(errors="replace"):
                    return
            if time.monotonic() > limit:
                raise Refused(f"the server does not come up: {_last_words(log)}")
            self.site.deadline.check("a server of the corpus starts")
            time.sleep(POLL_SECONDS)


def _stopped(child: Child) -> None:
    """Cleanly where it can be; nothing of it stays."""
    if child.running():
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGINT)
        try:
            child.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGQUIT)
                child.process.wait(STOP_SECONDS)
    child.gone()


def _ended(
    command: Sequence[str], environment: dict[str, str], programs: Programs, text: str | None, out: Path | None,
    *, append: bool,
) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
    with (out or Path(os.devnull)).open("ab" if append else "wb") as file:
        try:
            done = subprocess.run(
                command, cwd=programs.folder, env=environment, input=text.encode() if text is not None else None,
                stdin=subprocess.DEVNULL if text is None else None, stdout=file if out else subprocess.PIPE,
                stderr=subprocess.PIPE, timeout=WALL_SECONDS, check=False, **programs.account.credentials(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Refused(f"{Path(command[3]).name} does not end") from None
    if done.returncode:
        spun = done.returncode in {-signal.SIGKILL, -signal.SIGXCPU}
        said = "does not end" if spun else " ".join(done.stderr.decode(errors="replace").split())[-300:]
        raise Refused(f"{Path(command[3]).name}: {said or f'exit code {done.returncode}'}")
    return done


def _last_words(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if "FATAL" in line or "PANIC" in line]
    except OSError:
        return "it wrote nothing"
    return (lines or ["it said nothing"])[-1][-300:]
