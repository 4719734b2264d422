"""What a run left on this host, found by looking at the host and not by asking gonogo."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"
ATTACHED = 6  # column of /proc/sysvipc/shm
NEIGHBOUR_SECONDS = 5.0
LABEL = "org.gonogo.run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What was there before a run."""

    mounts: frozenset[str]
    segments: frozenset[str]  # System V shared memory that nobody is attached to, by id
    shared_files: frozenset[str]  # of /dev/shm, not mapped by anybody
    containers: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """A living run: its processes (pid, start) and the inodes of the sockets on which they listen."""

    processes: frozenset[tuple[int, str]]
    sockets: frozenset[str]


def host() -> Host:
    """What there is now that could be somebody's leftover."""
    return Host(
        mounts=frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        segments=frozenset(_segments()),
        shared_files=frozenset(_shared_files()),
        containers=frozenset(_containers()),
    )


def traces_of(root: int) -> Traces:
    """Of a process and everything below it."""
    parents = {pid: parent for pid in _pids() if (parent := _stat(pid, 1)) is not None}
    tree = {str(root)}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return Traces(
        processes=frozenset((int(pid), start) for pid in tree if (start := _stat(pid, 19)) is not None),
        sockets=frozenset(inode for pid in tree for inode in _sockets(pid)) & frozenset(_listening()),
    )


def left(before: Host, traces: Traces, folder: str) -> list[str]:
    """What is still there of a run, one sentence each."""
    living = [pid for pid, start in sorted(traces.processes) if _stat(str(pid), 19) == start]
    found = [f"process {pid}" for pid in living]
    found += [f"process {pid} names {folder}" for pid in _pids() if int(pid) not in living and _names(pid, folder)]
    found += [f"listening socket {inode}" for inode in sorted(traces.sockets & frozenset(_listening()))]
    return found + _new_and_lasting(before)


def _new_and_lasting(before: Host) -> list[str]:
    """What is new on the host and stays: a neighbour's run cleans up what is its own, and nobody what is ours."""
    limit = time.monotonic() + NEIGHBOUR_SECONDS
    while found := list(_new(before, host())):
        if time.monotonic() > limit:
            break
        time.sleep(0.2)
    return found


def _new(before: Host, now: Host) -> Iterator[str]:
    for kind in ("mounts", "segments", "shared_files", "containers"):
        yield from (f"{kind}: {one}" for one in sorted(getattr(now, kind) - getattr(before, kind)))


def _pids() -> list[str]:
    return [entry.name for entry in PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: str, column: int) -> str | None:
    """A field of /proc/PID/stat, counted from the state; None for a process that is gone or a zombie."""
    try:
        fields = (PROC / pid / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[column]


def _names(pid: str, folder: str) -> bool:
    """Whether a process works in the folder, or has it in its command or environment."""
    try:
        parts = [(PROC / pid / name).read_bytes() for name in ("cmdline", "environ")]
        return (PROC / pid / "cwd").readlink().is_relative_to(folder) or folder.encode() in b"".join(parts)
    except OSError:
        return False


def _sockets(pid: str) -> Iterator[str]:
    try:
        links = [entry.readlink() for entry in (PROC / pid / "fd").iterdir()]
    except OSError:
        return
    for link in links:
        if link.name.startswith("socket:["):
            yield link.name.removeprefix("socket:[").removesuffix("]")


def _listening() -> Iterator[str]:
    """Inodes of the TCP sockets that listen."""
    for table in (PROC / "net/tcp", PROC / "net/tcp6"):
        for line in table.read_text().splitlines()[1:] if table.is_file() else []:
            fields = line.split()
            if fields[3] == LISTENING:
                yield fields[9]


def _segments() -> Iterator[str]:
    for line in (PROC / "sysvipc/shm").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[ATTACHED] == "0":
            yield fields[1]


def _shared_files() -> set[str]:
    """Files of /dev/shm that no process has mapped."""
    names = {str(path) for path in Path("/dev/shm").rglob("*") if path.is_file()}
    for pid in _pids() if names else []:
        try:
            maps = (PROC / pid / "maps").read_text()
        except OSError:
            continue
        names = {name for name in names if name not in maps}
    return names


def _containers() -> list[str]:
    """Containers with gonogo's label; none where no engine answers."""
    if shutil.which("docker") is None:
        return []
    command = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.split() if done.returncode == 0 else []
