"""Mounts of this host, as /proc shows them: made, looked for, taken away."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gonogo.core.errors import StackError

MOUNTS = Path("/proc/self/mountinfo")
ESCAPED = re.compile(r"\\([0-7]{3})")  # mountinfo writes blanks and the like so
COMMAND_SECONDS = 20.0
OF_OVERLAYS = ",:\\"  # mean something in the options of an overlay


def mount_limited(folder: Path, size_bytes: int, name: str) -> str | None:
    """Mount a file system in memory of a size; None, or in one sentence why that cannot be done here."""
    options = f"size={size_bytes},mode=0711,nosuid,nodev"
    reason = _run(["mount", "-t", "tmpfs", "-o", options, name, str(folder)])
    if reason is None:
        return None
    who = "" if os.geteuid() == 0 else ", and this user is not root"
    return f"a mount of a limited size is refused{who}: {reason}"


def mount_over(folder: Path, lower: Path, upper: Path, work: Path) -> str | None:
    """Show `lower` at a folder; what is written goes to `upper`. None, or in one sentence why that cannot be done."""
    if any(mark in str(path) for path in (lower, upper, work) for mark in OF_OVERLAYS):
        return f"one of these paths has one of {OF_OVERLAYS} in it"
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    return _run(["mount", "-t", "overlay", "-o", options, "gonogo", str(folder)])


def unmount(folder: Path) -> None:
    """Unmount a folder, also while something still works in it. Raises StackError. Safe to call twice."""
    folder = folder.resolve()
    if folder not in mounts_below(folder):
        return
    if _run(["umount", str(folder)]) is None:
        return
    reason = _run(["umount", "--lazy", str(folder)])
    if reason is not None and folder in mounts_below(folder):
        raise StackError(f"{folder} cannot be unmounted: {reason}")


def unmount_below(folder: Path) -> None:
    """Unmount everything at or below a folder, the deepest first. Raises StackError."""
    for one in sorted(mounts_below(folder), key=lambda path: -len(path.parts)):
        unmount(one)


def mounts_below(folder: Path) -> tuple[Path, ...]:
    """The mount points at or below a folder, under the names that the kernel knows them by."""
    folder = folder.resolve()
    with suppress(OSError):
        lines = MOUNTS.read_text(errors="replace").splitlines()
        return tuple(path for path in mount_points(lines) if path.is_relative_to(folder))
    return ()


def mount_points(lines: Iterable[str]) -> Iterable[Path]:
    r"""The mount points of /proc/self/mountinfo.

    >>> [str(one) for one in mount_points([r"36 35 98:0 / /tmp/a\040b rw - tmpfs x rw"])]
    ['/tmp/a b']
    """
    return (Path(ESCAPED.sub(lambda match: chr(int(match[1], 8)), line.split()[4])) for line in lines)


def _run(command: list[str]) -> str | None:
    """Run a program of the system; None when it succeeded, else what it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=COMMAND_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else " ".join((done.stderr or done.stdout).split()) or "it failed"
