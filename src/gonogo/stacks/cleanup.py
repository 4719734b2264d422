"""Ending what a killed run left behind on this host. Finds only what the run itself started; safe to repeat."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gonogo.stacks.local.mounts import unmount_below
from gonogo.stacks.local.processes import (
    all_processes,
    descendants,
    end,
    link,
    marked,
    read_process,
    working_in,
    writing_in,
)
from gonogo.stacks.local.sharedmemory import PID_FILE, remove_segment, segment_of

POSTGRES = "postgres"
SHOWN_BYTES = 120


def end_recorded(pid: int, start: int | None) -> None:
    """SIGKILL a recorded process and what is below it, unless its pid belongs to another one by now."""
    end(lambda: _recorded(pid, start))


def remove_scratch(scratch: Path, run_id: str | None) -> None:
    """End what a run still has at work, free the shared memory of its clusters, remove its scratch folder."""
    if run_id:
        kill_marked(run_id, scratch)
    if not scratch.is_dir():
        return
    for lock_file in scratch.rglob(PID_FILE):
        if segment := segment_of(lock_file.parent):
            remove_segment(*segment)
    unmount_below(scratch)
    shutil.rmtree(scratch)


def kill_marked(run_id: str, scratch: Path) -> tuple[int, ...]:
    """SIGKILL every process of a run and wait until none is left; returns their pids. Raises StackError."""
    return end(lambda: _ours(run_id, scratch))


def leftovers(run_id: str, scratch: Path) -> list[str]:
    """What is still there of a run, one sentence each; empty when it is gone."""
    found = [f"process {pid} ({_command(pid)})" for pid in sorted(_ours(run_id, scratch))]
    if scratch.exists():
        found.append(f"scratch folder {scratch}")
    return found


def _ours(run_id: str, scratch: Path) -> set[int]:
    """By the mark in their environment.

    Servers overwrite that. But PostgreSQL works in its data directory, and Redis writes its log to a file of the run.
    """
    processes = all_processes()
    servers = {pid for pid in working_in(scratch, processes) if _program(pid) == POSTGRES}
    found = marked(run_id, processes) | servers | writing_in(scratch, processes)
    return found - {os.getpid(), os.getppid()}


def _recorded(pid: int, start: int | None) -> set[int]:
    process = read_process(pid)
    return descendants(pid, all_processes()) if process is not None and process.start == start else set()


def _program(pid: int) -> str:
    return Path(link(pid, "exe").removesuffix(" (deleted)")).name


def _command(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "gone"
    return text.replace(b"\0", b" ").decode(errors="replace").strip()[:SHOWN_BYTES]
