"""`docker compose`, run as a child that does not outlive gonogo."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError, UsageError
from gonogo.spec.compose import ComposeSpec
from gonogo.stacks.docker.endpoint import HOST, endpoint
from gonogo.stacks.interfaces import RunServices
from gonogo.stacks.local.processes import MARK, boot_id, kill_tree, read_process
from gonogo.stacks.local.spawner import Spawner

ASK_SECONDS = 15
CONFIG_SECONDS = 60.0
POLL_SECONDS = 0.02
TAIL_LINES = 15
VERSION = re.compile(r"v?(\d+)\.\d+")
NEEDED_MAJOR = 2
UNKNOWN = re.compile(r"unknown (shorthand )?flag|is not a docker command")  # the words of a docker without it
LACKING = "install Docker's Compose plugin, version 2 (package docker-compose-plugin or docker-compose-v2)"
WARNING = re.compile(r'level=warning msg="(?P<text>(?:[^"\\]|\\.)*)"')
PROGRESS = re.compile(r"^ ?(Network|Volume|Container|Image) \S+ +\w+$")
OUR_OWN = "the attribute `version` is obsolete"  # a remark on the user's style, not on what will run
# What a project is called and which of its files count is the stack file's to say.
NOT_INHERITED = (
    "COMPOSE_FILE",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_PROFILES",
    "COMPOSE_ENV_FILES",
    "COMPOSE_REMOVE_ORPHANS",
)


def find_program() -> list[str]:
    """The words that `docker compose` is called by. Raises StackError with one sentence that says what to do."""
    said = "there is no program docker"
    for words in (["docker", "compose"], ["docker-compose"]):
        program = shutil.which(words[0])
        if program is None:
            continue
        done = _asked([program, *words[1:], "version", "--short"])
        version = VERSION.match(done.stdout.strip())
        if done.returncode == 0 and version and int(version[1]) >= NEEDED_MAJOR:
            return [program, *words[1:]]
        said = f"`{' '.join(words)}` does not work: {_words(done)}"
    raise StackError(f"a Compose project cannot be run here ({said}): {LACKING}")


def problem() -> str | None:
    """None when Compose projects can be run here (given an engine), else why not and what to do."""
    try:
        find_program()
    except StackError as error:
        return str(error)
    return None


def version() -> str:
    """The version of Compose. Raises StackError."""
    return _asked([*find_program(), "version", "--short"]).stdout.strip().removeprefix("v")


def _asked(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=ASK_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _words(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    if lines and UNKNOWN.search(lines[0]):
        return "docker has no command of that name"
    return lines[0] if done.returncode and lines else f"it is version {done.stdout.strip() or 'unknown'}"


class Compose:
    """Calls of `docker compose` for one run."""

    def __init__(self, run: RunServices) -> None:
        self._run = run
        self._words = find_program()
        self._spawner = Spawner()
        self._calls = 0

    def resolved(self, spec: ComposeSpec, folder: Path, deadline: Deadline) -> dict[str, Any]:
        """The user's project as Compose understands it: merged, interpolated, defaults and env files filled in.

        Texts in it have each dollar doubled, as Compose would read them again. Raises UsageError for files that are
        not there or that Compose does not accept.
        """
        arguments = ["--project-directory", str((folder / spec.file[0]).resolve().parent)]
        for option, names in (("-f", spec.file), ("--env-file", spec.env_file)):
            for name in names:
                path = (folder / name).resolve()
                if not path.is_file():
                    key = "file" if option == "-f" else "env_file"
                    raise UsageError(f"compose.{key}: {path} is not there")
                arguments += [option, str(path)]
        for profile in spec.profiles:
            arguments += ["--profile", profile]
        try:
            text = self.call([*arguments, "config", "--format", "json"], deadline.within(CONFIG_SECONDS))
        except StackError as error:
            raise UsageError(f"compose.file: {', '.join(spec.file)}: {error}") from None
        found: dict[str, Any] = json.loads(text)
        return found

    def project(self, name: str, file: Path) -> list[str]:
        """What comes before the command of a call about a run's own project."""
        return ["-p", name, "--project-directory", str(self._run.scratch), "-f", str(file)]

    def call(self, arguments: Sequence[str], deadline: Deadline) -> str:
        """Run it to its end; returns what it printed. Raises StackError with its complaint, DeadlineExceeded."""
        self._calls += 1
        out, err = (self._run.scratch / f"compose-{self._calls}.{name}" for name in ("out", "err"))
        for path in (out, err):
            path.touch(mode=0o600)  # a resolved project holds every secret of it
        mark = {"run_id": self._run.run_id, "scratch": str(self._run.scratch), "service": "docker compose"}
        records = [self._run.intend("process", mark)]
        child = self._spawner.spawn(
            [*self._words, *arguments], environment=self._environment(), folder=self._run.scratch, stdout=out,
            stderr=err,
        )  # fmt: skip
        seen = read_process(child.pid)
        identity = {**mark, "pid": child.pid, "start": seen.start if seen else None, "boot_id": boot_id()}
        records.append(self._run.intend("process", identity))
        try:
            deadline.poll(lambda: child.poll() is not None, every_seconds=POLL_SECONDS, what="docker compose ends")
        except DeadlineExceeded:
            raise StackError(f"docker compose did not end in time\n{_tail(err)}") from None
        finally:
            kill_tree(child.pid if child.poll() is None else None)
            child.wait()
            for record in records:
                self._run.undone(record)
        return self._judged(child.returncode, out, err)

    def _judged(self, code: int, out: Path, err: Path) -> str:
        text, complaint = out.read_text(errors="replace"), err.read_text(errors="replace")
        for match in WARNING.finditer(complaint):
            if OUR_OWN not in match["text"]:
                self._run.progress(f"compose: {match['text'].replace(chr(92) + chr(34), chr(34))}")
        if code:
            raise StackError(_tail(err) or f"docker compose ended with exit code {code}")
        for path in (out, err):
            with suppress(OSError):
                path.unlink()
        return text

    def _environment(self) -> dict[str, str]:
        """The user's own, since the file's ${…} are filled in from it; made for a program that nobody watches."""
        kept: Mapping[str, str] = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        fixed = {"COMPOSE_ANSI": "never", "COMPOSE_PROGRESS": "plain", "COMPOSE_MENU": "false", MARK: self._run.run_id}
        return {**kept, **fixed, HOST: endpoint().address}

    def close(self) -> None:
        """End what it keeps for its children."""
        self._spawner.close()


def _tail(path: Path) -> str:
    """The end of its complaints, without its warnings and without what went well."""
    lines = [line.rstrip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return "\n".join([line for line in lines if not (WARNING.search(line) or PROGRESS.match(line))][-TAIL_LINES:])
