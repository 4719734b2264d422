"""What a run offers to runtimes and faults: identity, scratch space, undo records, redaction, progress."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from gonogo.rundir.directory import RunDirectory
from gonogo.rundir.logs import RunLog
from gonogo.rundir.state import RunState


def new_run_id() -> str:
    """Sortable and unique: `20261124-161033-3f9a1c`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class LocalRun:
    """The RunServices of a run on this host."""

    def __init__(
        self, directory: RunDirectory, state: RunState, scratch: Path, progress: Callable[[str], None]
    ) -> None:
        self.run_id = directory.run_id
        self.directory = directory
        self.state = state
        self.scratch = scratch
        self._progress = progress

    def intend(self, kind: str, data: Mapping[str, object]) -> str:
        """Record, fsynced, what is about to be started or broken."""
        return self.state.intend(kind, data)

    def undone(self, record: str) -> None:
        """The recorded thing is gone or healed."""
        self.state.undone(record)

    def secret(self, value: str) -> str:
        """Register a secret for redaction."""
        self.directory.redactor.register(value)
        return value

    def log(self, service: str) -> RunLog:
        """What is kept of a service's log."""
        return self.directory.log(service)

    def show(self, message: str) -> None:
        """One line for people at the terminal alone: it is written nowhere, so secrets may stand in it."""
        self._progress(message)

    def progress(self, message: str) -> None:
        """One line for people."""
        self._progress(self.directory.redactor.text(message))
