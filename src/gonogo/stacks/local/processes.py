"""Processes of this host as /proc shows them: trees, working directories, marks. Zombies count as gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gonogo.core.errors import StackError
from gonogo.stacks.interfaces import KillProof

PROC = Path("/proc")
KILL_SECONDS = 10.0
POLL_SECONDS = 0.001
HOLDERS = ("containerd-shim", "conmon")  # one for each container; their parents hold those of others, too
MARK = "GONOGO_RUN_ID"  # in the environment of everything a run starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A living process. Pid, start (ticks since boot) and boot id together are never reused."""

    pid: int
    parent: int
    start: int


@cache
def boot_id() -> str:
    """Identifies this boot of the machine."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def read_process(pid: int) -> Process | None:
    """One process, None when it is gone or a zombie."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before may hold spaces and brackets
    if fields[0] in "ZX":
        return None
    return Process(pid=pid, parent=int(fields[1]), start=int(fields[19]))


def all_processes() -> dict[int, Process]:
    """Every living process by pid."""
    pids = (int(name) for name in os.listdir(PROC) if name.isdigit())  # noqa: PTH208 - iterdir is slower, and we race
    return {pid: process for pid in pids if (process := read_process(pid))}


def descendants(root: int, processes: dict[int, Process]) -> set[int]:
    """`root` and everything below it."""
    found = {root} & processes.keys()
    frontier = found
    while frontier:
        frontier = {pid for pid, process in processes.items() if process.parent in frontier} - found
        found = found | frontier
    return found


def holder_of(pid: int) -> int:
    """The process that holds a container, by the container's first one: commands run inside are below it, too.

    The first one itself where nothing of that kind is above it.
    """
    process = read_process(pid)
    if process is not None and name_of(process.parent).startswith(HOLDERS):
        return process.parent
    return pid


def name_of(pid: int) -> str:
    """What the kernel calls it, 15 letters at most; "" where it cannot be read."""
    try:
        return (PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def link(pid: int, name: str) -> str:
    """/proc/PID/cwd, exe or fd/1; "" where it cannot be read."""
    try:
        return os.readlink(PROC / str(pid) / name)  # noqa: PTH115 - the text, also of deleted files
    except OSError:
        return ""


def working_in(folder: Path, pids: Iterable[int]) -> set[int]:
    """Those whose working directory is `folder` or below it."""
    return {pid for pid in pids if _is_below(folder, link(pid, "cwd"))}


def writing_in(folder: Path, pids: Iterable[int]) -> set[int]:
    """Those whose standard output is a file below `folder`."""
    return {pid for pid in pids if _is_below(folder, link(pid, "fd/1"))}


def _is_below(folder: Path, shown: str) -> bool:
    """Whether /proc shows `folder`, or something in it, also where it was deleted."""
    top = str(folder)
    return shown == top or shown.startswith((top + "/", top + " (deleted)"))


def marked(run_id: str, pids: Iterable[int]) -> set[int]:
    """Those with the run's mark in the environment they were started with."""
    mark = f"{MARK}={run_id}".encode()
    found = set()
    for pid in pids:
        with suppress(OSError):
            if mark in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.add(pid)
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes; those that are gone are skipped."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def members(root: int | None, folder: Path | None) -> set[int]:
    """The processes of a service: below `root`, or working in `folder` (orphans of PostgreSQL keep that)."""
    processes = all_processes()
    found = descendants(root, processes) if root is not None else set()
    return found | (working_in(folder, processes) if folder else set())


def kill_tree(root: int | None, folder: Path | None = None) -> KillProof:
    """SIGKILL a service's processes at once and wait until none is left. Raises StackError after 10 s.

    The root is stopped first, so that it neither forks nor notices that its children die.
    """
    before = members(root, folder)
    killed_at = time.monotonic()
    if root in before:
        send([root], signal.SIGSTOP)
    send(before, signal.SIGKILL)
    gone_at, later = _await_gone(lambda: members(root, folder))
    return KillProof(killed_at=killed_at, gone_at=gone_at, pids=tuple(sorted(before | later)))


def end(find: Callable[[], set[int]]) -> tuple[int, ...]:
    """SIGKILL whatever `find` finds until it finds nothing; returns the pids. Raises StackError after 10 s."""
    return tuple(sorted(_await_gone(find)[1]))


def _await_gone(find: Callable[[], set[int]]) -> tuple[float, set[int]]:
    seen: set[int] = set()
    limit = time.monotonic() + KILL_SECONDS
    while living := find():
        seen |= living
        send(living, signal.SIGKILL)
        if time.monotonic() > limit:
            raise StackError(f"processes {sorted(living)} did not die within {KILL_SECONDS:.0f} s of SIGKILL")
        time.sleep(POLL_SECONDS)
    return time.monotonic(), seen
