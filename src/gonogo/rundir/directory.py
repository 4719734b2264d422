"""One run's directory: plan, facts, events, undo records, artefacts. Mode 0700."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gonogo.core.errors import UsageError
from gonogo.core.event import Event, HarnessFailed, event_from_json
from gonogo.core.redact import Redactor
from gonogo.rundir.failpoint import failpoint
from gonogo.rundir.files import append_line, to_json, write_atomically
from gonogo.rundir.logs import RunLog

EVENTS = "events.ndjson"
UNDO = "undo.ndjson"
PLAN = "plan.json"
FACTS = "facts.json"
CONTEXT = "judging.json"  # policy, waivers, suite, earlier evidence, judging instant: all that the judge needs
RUN = "run.json"
ARTIFACTS = "artifacts"
LOGS = "logs"  # below the artefacts: what the services of the run wrote

Listener = Callable[[float, Event], None]


class RunDirectory:
    """The one writer of a run. Thread-safe; everything written passes the redactor."""

    def __init__(self, path: Path, *, run_id: str, redactor: Redactor | None = None) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (path / EVENTS).exists():
            raise UsageError(f"{path} already holds a run; choose another --out")
        path.chmod(0o700)
        (path / ARTIFACTS).mkdir(mode=0o700, exist_ok=True)
        self.path = path
        self.run_id = run_id
        self.redactor = redactor or Redactor()
        self.started_monotonic = time.monotonic()
        self.listeners: list[Listener] = []
        self._logs: dict[str, RunLog] = {}
        self._sequence = 0
        self._lock = threading.Lock()

    def elapsed_s(self, monotonic: float | None = None) -> float:
        """Seconds since the run started, now or at a monotonic instant."""
        return (time.monotonic() if monotonic is None else monotonic) - self.started_monotonic

    def append(self, event: Event) -> None:
        """Write one event, fsynced, then tell the listeners (progress, tests)."""
        at = self.elapsed_s()
        with self._lock:
            self._sequence += 1
            record = {
                "seq": self._sequence,
                "t": round(at, 6),
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "event": type(event).__name__,
                **self.redactor.data(event.to_json()),
            }
            append_line(self.path / EVENTS, json.dumps(record, ensure_ascii=False))
            failpoint("event", self._sequence)
        for listener in self.listeners:
            listener(at, event)

    def write(self, name: str, record: Any) -> None:
        """Write a JSON file of the run, redacted, atomically."""
        write_atomically(self.path / name, to_json(self.redactor.data(record)).encode())

    def artifact(self, name: str, content: bytes | str) -> str:
        """Keep evidence; returns its path below the run directory. `name` may hold folders, never `..`."""
        path = self.path / ARTIFACTS / name
        if not path.resolve().is_relative_to((self.path / ARTIFACTS).resolve()):
            raise ValueError(f"artefact name {name!r} leaves the run directory")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content.decode(errors="replace") if isinstance(content, bytes) else content
        write_atomically(path, self.redactor.text(text).encode())
        return f"{ARTIFACTS}/{name}"

    def log(self, service: str) -> RunLog:
        """The log that is kept of a service; always the same one."""
        with self._lock:
            path = self.path / ARTIFACTS / LOGS / f"{service.replace('/', '-')}.log"
            return self._logs.setdefault(service, RunLog(path, self.redactor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An event as read back, with its instants."""

    sequence: int
    t: float
    at: str
    event: Event


def read_events(path: Path) -> Iterator[Logged]:
    """The events of a run, in order. A last line cut by a kill is left out; other broken lines raise UsageError.

    Where events are missing a failure of gonogo takes their place: nobody knows what they said.
    """
    file = path / EVENTS
    if not file.is_file():
        raise UsageError(f"{path} is not a run directory: it has no {EVENTS}")
    lines = file.read_bytes().split(b"\n")
    expected = 1
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                return
            raise UsageError(f"{file}:{number}: broken event: {error}") from error
        if record["seq"] != expected:
            lost = HarnessFailed(reason=f"events are missing: number {expected} should follow, found {record['seq']}")
            yield Logged(sequence=record["seq"], t=record["t"], at=record["at"], event=lost)
        expected = record["seq"] + 1
        event = event_from_json(record["event"], record)
        if event is not None:
            yield Logged(sequence=record["seq"], t=record["t"], at=record["at"], event=event)


def read_json(path: Path, name: str) -> dict[str, Any] | None:
    """One JSON file of a run, None where the run was killed before it was written."""
    file = path / name
    if not file.is_file():
        return None
    record: dict[str, Any] = json.loads(file.read_text())
    return record


class Recorder:
    """What a runner writes to while its item runs."""

    def __init__(self, directory: RunDirectory, item_id: str) -> None:
        self.directory = directory
        self.item_id = item_id

    def artifact(self, name: str, content: bytes | str) -> str:
        """Keep evidence of this item; returns its path below the run directory."""
        return self.directory.artifact(f"{self.item_id}/{name}", content)

    def artifact_path(self, name: str) -> tuple[Path, str]:
        """Where a tool may write evidence by itself (not redacted: for numbers only), and its relative path."""
        path = self.directory.path / ARTIFACTS / self.item_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path, os.path.relpath(path, self.directory.path)

    def event(self, event: Event) -> None:
        """Write any event."""
        self.directory.append(event)

    def elapsed_s(self, monotonic: float | None = None) -> float:
        """Seconds since the run started."""
        return self.directory.elapsed_s(monotonic)
