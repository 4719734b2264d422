"""What a run must be able to find again after kill -9: one folder per run below the user's state folder.

Run directories get deleted; this folder stays until the run's traces are gone. A lock tells the living from the dead.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gonogo.core.errors import HarnessError
from gonogo.rundir.failpoint import failpoint
from gonogo.rundir.files import append_line, write_atomically

UNDO = "undo.ndjson"
FORMAT = 1
HELD = "held.json"
UNBORN = ".new-"
STILLBORN_SECONDS = 3600.0


def state_root() -> Path:
    """Where runs of this user are remembered (`GONOGO_STATE`, else the XDG state folder)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(os.environ.get("GONOGO_STATE") or Path(base) / "gonogo") / "runs"


def scratch_root() -> Path:
    """Where scratch folders of this user lie: short paths that an unprivileged database user can reach."""
    root = Path(os.environ.get("GONOGO_SCRATCH") or tempfile.gettempdir()) / f"gonogo-{os.getuid()}"
    root.mkdir(mode=0o711, parents=True, exist_ok=True)
    if root.stat().st_uid != os.getuid() or root.is_symlink():
        raise HarnessError(f"{root} belongs to somebody else; set GONOGO_SCRATCH to a folder of your own")
    root.chmod(0o711)
    return root


def boot_id() -> str:
    """This boot of this machine: process ids mean nothing after the next one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRecord:
    """What was about to be started or broken; `kind` says who can undo it."""

    id: str
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """Which run a state folder belongs to."""

    run_id: str
    run_directory: str
    scratch: str
    pid: int
    boot_id: str
    format: int = FORMAT


class RunState:
    """The state folder of a living run: holds its lock and its undo journal."""

    def __init__(self, identity: RunIdentity) -> None:
        self.path = state_root() / identity.run_id
        if self.path.exists():
            raise HarnessError(f"run {identity.run_id} is already running")
        # Made under another name and locked before anybody can see it: `clean` would take an unlocked one for dead.
        fresh = self.path.with_name(f"{UNBORN}{identity.run_id}")
        fresh.mkdir(mode=0o700, parents=True)
        self._lock = _take_lock(fresh)
        write_atomically(fresh / "run.json", json.dumps(asdict(identity)).encode())
        fresh.rename(self.path)
        self.journals = (self.path / UNDO, Path(identity.run_directory) / UNDO)
        self._count = 0
        self._guard = threading.Lock()

    def intend(self, kind: str, data: Mapping[str, object]) -> str:
        """Record, fsynced, what is about to happen; returns the record's id."""
        with self._guard:
            self._count += 1
            record = f"u{self._count}"
            self._write({"id": record, "kind": kind, "data": dict(data)})
            failpoint("intent", self._count)
        return record

    def undone(self, record: str) -> None:
        """The recorded thing is gone or healed."""
        with self._guard:
            self._write({"id": record, "undone": True})

    def _write(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"format": FORMAT, "boot_id": boot_id(), **entry})
        for journal in self.journals:
            if journal.parent.is_dir():  # somebody may have deleted the run directory
                append_line(journal, line)

    def open_records(self) -> list[UndoRecord]:
        """What was intended and not undone yet, newest first."""
        return open_records(self.path / UNDO)

    def hold(self, addresses: Sequence[str]) -> None:
        """Say that the stack is only kept up for people, until somebody ends it; and where it answers."""
        write_atomically(self.path / HELD, json.dumps(list(addresses)).encode())

    def close(self, *, forget: bool) -> None:
        """Release the lock; forget the run when nothing of it is left."""
        if forget:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run found in the state folder; `lock` is held by whoever looks at it."""

    identity: RunIdentity
    path: Path
    lock: int

    def open_records(self) -> list[UndoRecord]:
        """What was intended and not undone, newest first."""
        return open_records(self.path / UNDO)

    def mark_undone(self, record: UndoRecord) -> None:
        """Write down that a record is dealt with."""
        append_line(self.path / UNDO, json.dumps({"format": FORMAT, "id": record.id, "undone": True}))

    def forget(self) -> None:
        """Remove the state folder and release the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Release the lock."""
        os.close(self.lock)


def dead_runs() -> tuple[list[PastRun], list[str]]:
    """Runs whose process is gone (locked for the caller), and the ids of those that still live."""
    dead, living = [], []
    root = state_root()
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        if path.name.startswith(UNBORN):
            _remove_stillborn(path)
            continue
        lock = _take_lock(path)
        if lock is None:
            living.append(path.name)
            continue
        identity = _identity(path)
        dead.append(PastRun(identity=identity, path=path, lock=lock))
    return dead, living


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRun:
    """A living run that only keeps its stack up."""

    run_id: str
    pid: int
    addresses: tuple[str, ...]


def held_runs() -> list[HeldRun]:
    """The living runs of this user that only keep a stack up. Their lock proves that the pid is theirs."""
    root = state_root()
    found = []
    for path in sorted(root.glob(f"*/{HELD}")) if root.is_dir() else []:
        lock = _take_lock(path.parent)
        if lock is not None:
            os.close(lock)
            continue
        identity = _identity(path.parent)
        found.append(HeldRun(run_id=identity.run_id, pid=identity.pid, addresses=tuple(json.loads(path.read_text()))))
    return found


def open_records(journal: Path) -> list[UndoRecord]:
    """Records of a journal that were not undone, newest first. A last line cut by a kill is left out."""
    found: dict[str, UndoRecord] = {}
    lines = journal.read_text().splitlines() if journal.is_file() else []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # cut by a kill: what it announced had not begun
        if entry.get("undone"):
            found.pop(entry["id"], None)
        else:
            found[entry["id"]] = UndoRecord(id=entry["id"], kind=entry["kind"], data=entry["data"])
    return list(reversed(found.values()))


def _remove_stillborn(path: Path) -> None:
    """A run that was killed before its folder had its name had started nothing."""
    if time.time() - path.stat().st_mtime > STILLBORN_SECONDS:
        shutil.rmtree(path, ignore_errors=True)


def _identity(path: Path) -> RunIdentity:
    try:
        return RunIdentity(**json.loads((path / "run.json").read_text()))
    except (
        OSError,
        ValueError,
        TypeError,
    ):  # killed before it was written: the id and the usual places are all there is
        scratch = scratch_root() / path.name
        return RunIdentity(run_id=path.name, run_directory="", scratch=str(scratch), pid=0, boot_id="")


def _take_lock(path: Path) -> int | None:
    """The lock's descriptor, None when another process holds it. Not inherited by children."""
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
