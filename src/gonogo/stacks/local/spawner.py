"""Children that do not outlive gonogo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gonogo.core.errors import StackError
from gonogo.stacks.local.account import Account

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "LD_LIBRARY_PATH")


def minimal_environment() -> dict[str, str]:
    """What a child gets of our environment: enough to run, no secrets."""
    return {name: os.environ[name] for name in KEPT if name in os.environ}


def executable(command: Sequence[str], *, path: str | None, folder: Path) -> list[str]:
    """The command with its program found: `python` is ours; others on PATH, or relative to `folder`."""
    program = command[0]
    if program in {"python", "python3"}:
        return [sys.executable, *command[1:]]
    found = shutil.which(str(folder / program) if "/" in program else program, path=path)
    if found is None:
        raise StackError(f"program {program!r} is not there or cannot be executed")
    return [found, *command[1:]]


def ended_with_us(death_signal: str) -> list[str]:
    """What to put before a command so that the kernel sends it a signal when the thread that started it ends.

    Nothing where there is no `setpriv`: then `clean` ends what carries the run's mark or is a server in its folder.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", death_signal, "--"] if setpriv else []


class Spawner:
    """Starts children from one thread of its own.

    The kernel sends the parent-death signal when the *thread* that started the child ends, so a child of a short-lived
    worker would die with it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gonogo-spawner")

    def spawn(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        stdout: Path,
        stderr: Path | None = None,
        account: Account | None = None,
        death_signal: str = "KILL",
    ) -> subprocess.Popen[bytes]:
        """Start a child in its own session (Ctrl-C is ours alone). Output is appended to files."""
        prefix = ended_with_us(death_signal)

        def start() -> subprocess.Popen[bytes]:
            with stdout.open("ab") as out, (stderr or stdout).open("ab") as err:
                return subprocess.Popen(
                    [*prefix, *command],
                    env=dict(environment),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    **(account.credentials() if account else {}),
                )

        try:
            return self._thread.submit(start).result()
        except OSError as error:
            raise StackError(f"{command[0]} could not be started: {error.strerror or error}") from error

    def close(self) -> None:
        """End the thread; children that still run get their death signal."""
        self._thread.shutdown(wait=True)
