"""The user's own commands that break a stack and mend it: started without a shell, bounded, their output kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, NotMeasurable, UsageError
from gonogo.spec.hook import HookName, HookSpec
from gonogo.spec.loader import load
from gonogo.spec.stack import StackSpec
from gonogo.stacks.external.access import Access
from gonogo.stacks.local.spawner import minimal_environment
from gonogo.stacks.references import References

POLL_SECONDS = 0.02
OUTPUT_BYTES = 64 * 2**10
WORDS = 300


class HookFailed(NotMeasurable):
    """A command of the stack file could not be run, failed or took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """A command that has ended with exit code 0. `began_at` is a monotonic instant."""

    began_at: float
    seconds: float
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The commands of one stack file. They run only where everything may be changed."""

    specs: Mapping[HookName, HookSpec]
    stack_path: Path
    run_id: str
    resolve: Callable[[Any], Any]
    access: Access

    def missing(self, name: HookName) -> str | None:
        """Why a command cannot be run; None where it can."""
        if name not in self.specs:
            return f"the stack file has no hooks.{name}"
        return self.access.refusal

    def record(self, name: HookName) -> dict[str, object]:
        """What an undo record needs to find the healing command again."""
        return {"stack": str(self.stack_path), "hook": name, "run_id": self.run_id}

    def service(self, name: HookName, otherwise: str) -> str:
        """The service that a command acts on."""
        return (self.specs[name].service if name in self.specs else None) or otherwise

    def break_(self, name: HookName, deadline: Deadline) -> HookRun:
        """Run the command. Raises HookFailed, MissingCapability."""
        return self._run(name, deadline, heal=False)

    def heal(self, name: HookName, deadline: Deadline) -> HookRun | None:
        """Run the command that undoes it; None where it has none. Raises HookFailed, MissingCapability."""
        return self._run(name, deadline, heal=True) if self.specs[name].heal else None

    def _run(self, name: HookName, deadline: Deadline, *, heal: bool) -> HookRun:
        if reason := self.missing(name):
            raise MissingCapability(reason)
        spec = self.specs[name]
        what = f"hooks.{name}.heal" if heal else f"hooks.{name}"
        words = (spec.heal if heal else spec.command) or ()
        environment = {
            **minimal_environment(), "GONOGO_HOOK": what.removeprefix("hooks."), "GONOGO_RUN_ID": self.run_id,
            **self.resolve(dict(spec.environment)),
        }  # fmt: skip
        return _ended(what, self._command(what, self.resolve(list(words)), environment), environment,
                      self.stack_path.parent, deadline.within(spec.timeout))  # fmt: skip

    def _command(self, what: str, words: list[str], environment: Mapping[str, str]) -> list[str]:
        program = str(self.stack_path.parent / words[0]) if "/" in words[0] else words[0]
        found = shutil.which(program, path=environment.get("PATH"))
        if found is None:
            raise HookFailed(f"{what}: program {words[0]!r} is not there or cannot be executed")
        return [found, *words[1:]]


def _ended(what: str, command: list[str], environment: Mapping[str, str], folder: Path, deadline: Deadline) -> HookRun:
    """Start it and wait for its end.

    Its output goes to a file: a server that it starts inherits that, and must not keep us waiting. Nothing marks the
    command as ours either, since `clean` would end such a server.
    """
    with tempfile.TemporaryFile() as output:
        began_at = time.monotonic()
        try:
            process = subprocess.Popen(
                command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise HookFailed(f"{what}: {error.strerror or error}") from error
        try:
            deadline.poll(lambda: process.poll() is not None, every_seconds=POLL_SECONDS, what=f"{what} ends")
        except DeadlineExceeded:
            raise HookFailed(f"{what} did not end in time: {_last_words(output)}") from None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.monotonic() - began_at
        if process.returncode:
            raise HookFailed(f"{what} ended with exit code {process.returncode}: {_last_words(output)}")
        return HookRun(began_at=began_at, seconds=seconds, output=_text(output))


def _text(output: Any) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - OUTPUT_BYTES))
    return str(output.read().decode(errors="replace"))


def _last_words(output: Any) -> str:
    lines = [line.strip() for line in _text(output).splitlines() if line.strip()]
    return lines[-1][:WORDS] if lines else "it said nothing"


def heal_again(data: Mapping[str, Any], deadline: Deadline) -> None:
    """The healing command of an undo record, after a killed run. Raises HookFailed, UsageError."""
    path = Path(str(data["stack"]))
    if not path.is_file():
        raise UsageError(f"the stack file {path} is gone: its hooks.{data['hook']}.heal must be run by hand")
    spec = load(path, StackSpec).spec
    references = References(folder=path.parent, secret=lambda value: value)
    name: HookName = data["hook"]
    if name not in spec.hooks:
        raise UsageError(f"{path} has no hooks.{name} any more: what it broke must be mended by hand")
    Hooks(
        specs=spec.hooks, stack_path=path, run_id=str(data["run_id"]), access=Access(destructive=True),
        resolve=lambda value: references.resolve(value, f"hooks.{name}"),
    ).heal(name, deadline)  # fmt: skip
