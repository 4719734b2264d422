"""System V shared memory: PostgreSQL keeps one small segment per cluster, which SIGKILL leaves behind."""

from __future__ import annotations

import ctypes
from pathlib import Path

SEGMENTS = Path("/proc/sysvipc/shm")
IPC_RMID = 0
PID_FILE = "postmaster.pid"


def segment_of(data: Path) -> tuple[int, int] | None:
    """(segment id, pid of the postmaster) as a data directory's lock file tells, None where there is none."""
    try:
        lines = (data / PID_FILE).read_text().splitlines()
    except OSError:
        return None
    if len(lines) < 7 or len(lines[6].split()) != 2:
        return None
    return int(lines[6].split()[1]), int(lines[0])


def remove_segment(segment: int, creator: int) -> bool:
    """Remove a segment that nobody uses and that process `creator` made; True when it was there and is gone."""
    for line in SEGMENTS.read_text().splitlines()[1:]:
        fields = line.split()
        identifier, made_by, attached = int(fields[1]), int(fields[4]), int(fields[6])
        if identifier == segment and made_by == creator and attached == 0:
            libc = ctypes.CDLL(None, use_errno=True)
            return int(libc.shmctl(segment, IPC_RMID, None)) == 0
    return False
