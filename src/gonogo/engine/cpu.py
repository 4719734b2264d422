"""Who uses the processors: our own tree and everybody else. A slow result on a busy host proves nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SAMPLE_SECONDS = 0.25
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """Processor seconds since some fixed instant: busy on the whole host, and busy on our behalf."""

    at: float
    busy: float
    own: float


def contention(first: Sample, last: Sample) -> float | None:
    """The share of the host's processors that others used between two samples; None for too short a time."""
    elapsed = last.at - first.at
    if elapsed < 2 * SAMPLE_SECONDS:
        return None
    others = (last.busy - first.busy) - (last.own - first.own)
    return round(min(1.0, max(0.0, others / (elapsed * (os.cpu_count() or 1)))), 3)


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table. `seconds`: of processor time, those of reaped children included."""

    parent: int
    seconds: float
    zombie: bool


class CpuMeter:
    """Samples the host in the background. `roots()` gives further process ids whose trees are ours (containers)."""

    def __init__(self, roots: Callable[[], Iterable[int]], clock: Callable[[], float]) -> None:
        self._roots = roots
        self._clock = clock
        self._seen: dict[int, Process] = {}  # ours at the last sample, by pid
        self._ghosts = 0.0  # processor seconds of processes that died with their parents
        self._last = Sample(clock(), _busy_seconds(), 0.0)
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="cpu-meter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def sample(self) -> Sample:
        """A fresh sample."""
        with self._guard:
            self._last = Sample(self._clock(), _busy_seconds(), self._own_seconds())
            return self._last

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.sample()

    def _own_seconds(self) -> float:
        table = _process_table()
        ours = _tree(table, {os.getpid(), *self._roots()})
        for pid, process in self._seen.items():
            parent = table.get(process.parent) if process.parent in ours else None
            reaped = pid not in table and parent is not None and not parent.zombie
            if pid not in ours and not reaped:
                self._ghosts += process.seconds  # orphaned, and reaped by others: in no account of ours any more
        self._seen = {pid: table[pid] for pid in ours if pid in table}
        return self._ghosts + sum(process.seconds for process in self._seen.values())


def _busy_seconds() -> float:
    """Busy processor seconds of the host since boot, time stolen by the hypervisor included."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / TICKS


def _process_table() -> dict[int, Process]:
    """Every process that can be read, by pid."""
    table: dict[int, Process] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            text = Path(entry.path, "stat").read_text()
        except OSError:
            continue  # ended meanwhile
        fields = text.rpartition(")")[2].split()
        seconds = sum(int(ticks) for ticks in fields[11:15]) / TICKS
        table[int(entry.name)] = Process(int(fields[1]), seconds, zombie=fields[0] in "ZX")
    return table


def _tree(table: dict[int, Process], roots: set[int]) -> set[int]:
    """All descendants of `roots`, themselves included."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found, queue = set(roots), list(roots)
    while queue:
        for child in children.get(queue.pop(), []):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found
