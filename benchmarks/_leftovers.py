"""What a run left on this host, found by looking at the host and not by asking gonogo."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"
NEIGHBOUR_SECONDS = 5.0
LABEL = "org.gonogo.run"
DOCKER_LISTS = {
    "container": ("ps", "--all"),
    "network": ("network", "ls"),
    "volume": ("volume", "ls"),
    "image": ("image", "ls", "--all"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What was seen of a run while it lived: processes (pid, start) and inodes of the sockets on which they listen."""

    processes: frozenset[tuple[int, str]] = frozenset()
    sockets: frozenset[str] = frozenset()

    def __or__(self, other: Traces) -> Traces:
        return Traces(processes=self.processes | other.processes, sockets=self.sockets | other.sockets)


def traces_of(root: int) -> Traces:
    """Of a process and everything below it, now."""
    parents = {pid: parent for pid in _pids() if (parent := _stat(pid, 1)) is not None}
    tree = {str(root)}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return Traces(
        processes=frozenset((int(pid), start) for pid in tree if (start := _stat(pid, 19)) is not None),
        sockets=frozenset(inode for pid in tree for inode in _sockets(pid)) & frozenset(_listening()),
    )


def shared_files() -> frozenset[str]:
    """Files of /dev/shm that no process has mapped."""
    paths = (Path(folder, name) for folder, _, names in os.walk("/dev/shm") for name in names)  # others remove theirs
    names = {str(path) for path in paths if path.is_file()}
    return frozenset(names - set(_mapped()) if names else names)


def _mapped() -> Iterator[str]:
    """Files of /dev/shm that some process has mapped."""
    for pid in _pids():
        with suppress(OSError):
            for line in (PROC / pid / "maps").read_text().splitlines():
                if "/dev/shm/" in line:
                    yield line[line.index("/dev/shm/") :].removesuffix(" (deleted)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was there before a run: pids come round again, so that the maker of an old segment may seem to be ours."""

    shared_files: frozenset[str]
    segments: frozenset[str]


def before() -> Before:
    """Look now."""
    return Before(shared_files=shared_files(), segments=frozenset(segment for segment, _ in _segments()))


def left(traces: Traces, folder: str, run_ids: Sequence[str], earlier: Before) -> list[str]:
    """What is still there of a run, one sentence each. Neighbours on the host do not count.

    Nobody says whose a file of /dev/shm is: a new one that stays counts.
    """
    pids = {pid for pid, _ in traces.processes}
    living = [pid for pid, start in sorted(traces.processes) if _stat(str(pid), 19) == start]
    found = [f"process {pid}" for pid in living]
    found += [f"process {pid} names {folder}" for pid in _pids() if int(pid) not in living and _names(pid, folder)]
    found += [f"listening socket {inode}" for inode in sorted(traces.sockets & frozenset(_listening()))]
    found += [f"mount {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines() if folder in line]
    found += [
        f"segment {segment} of process {creator}"
        for segment, creator in _segments()
        if creator in pids and segment not in earlier.segments
    ]
    found += [one for run_id in run_ids for one in _in_docker(run_id)]
    return found + [f"file {one}" for one in sorted(_lasting(earlier.shared_files, frozenset(run_ids)))]


def _lasting(shared_before: frozenset[str], run_ids: frozenset[str]) -> set[str]:
    """Files of /dev/shm that are new and stay: those of a neighbour that is just at work go.

    What lies in a folder there is of the run that the folder names.
    """
    limit = time.monotonic() + NEIGHBOUR_SECONDS
    while (found := _of(run_ids, shared_files() - shared_before)) and time.monotonic() < limit:
        time.sleep(0.2)
    return found


def _of(run_ids: frozenset[str], files: Iterable[str]) -> set[str]:
    parts = {one: Path(one).relative_to("/dev/shm").parts for one in files}
    return {one for one, names in parts.items() if len(names) == 1 or run_ids & set(names)}


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


def _segments() -> Iterator[tuple[str, int]]:
    """System V shared memory: id and the process that made it."""
    for line in (PROC / "sysvipc/shm").read_text().splitlines()[1:]:
        fields = line.split()
        yield fields[1], int(fields[4])


def _in_docker(run_id: str) -> list[str]:
    """Containers, networks, volumes and images with a run's label; none where no engine answers."""
    if shutil.which("docker") is None:
        return []
    found = []
    for kind, command in DOCKER_LISTS.items():
        words = ["docker", *command, "--quiet", "--filter", f"label={LABEL}={run_id}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        found += [f"{kind} {one}" for one in done.stdout.split()] if done.returncode == 0 else []
    return found
