"""The meter of processor time: what gonogo used itself must never look as if others had used it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from gonogo.engine.cpu import CpuMeter, Sample, contention

TICK_SECONDS = 0.05  # the kernel counts in hundredths, and two samples are never at the same instant
FAMILY = """
import os
if os.fork():
    os.wait()
while True:
    pass
"""


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def test_the_time_of_a_family_that_is_killed_at_once_stays_ours() -> None:
    """As a database server dies: its orphans are reaped by others, while it is still a zombie of ours or after."""
    with subprocess.Popen([sys.executable, "-c", FAMILY]) as parent:
        meter = CpuMeter(tuple, time.monotonic)
        time.sleep(0.8)
        child = child_of(parent.pid)
        alive = meter.sample()
        for pid in (parent.pid, child):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        zombie = meter.sample()
        parent.wait()
        reaped = meter.sample()

    assert alive.own > TICK_SECONDS
    assert zombie.own >= alive.own - TICK_SECONDS
    assert reaped.own >= alive.own - TICK_SECONDS


def test_contention_is_what_others_used_of_all_processors() -> None:
    processors = os.cpu_count() or 1
    first, last = Sample(at=0.0, busy=0.0, own=0.0), Sample(at=1.0, busy=float(processors), own=processors / 4)

    assert contention(first, last) == 0.75
    assert contention(first, Sample(at=0.1, busy=0.1, own=0.0)) is None
