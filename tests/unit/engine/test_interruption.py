"""What a signal does to a run, whenever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import Interrupted
from gonogo.engine.interruption import interruptible
from gonogo.engine.run import hold

NOTHING = cast("Any", SimpleNamespace(services={}, references={}))  # a stack without services
# Each round is hit by a signal at another point of its waits. It is a process of its own, which can hang.
MANY_SIGNALS = """
import random, signal
from gonogo.core.deadline import Interruption
from gonogo.engine.interruption import interruptible
for _ in range(2000):
    interruption = Interruption()
    with interruptible(interruption):
        signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 1e-4))
        while not interruption.wait(0):
            pass
print("all ended")
"""


def test_a_signal_in_the_middle_of_a_wait_ends_it() -> None:
    done = subprocess.run([sys.executable, "-c", MANY_SIGNALS], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "all ended\n", done.stderr


def test_all_threads_that_wait_are_woken() -> None:
    interruption = Interruption()
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.append(interruption.wait(60))) for _ in range(4)]
    for thread in threads:
        thread.start()
    interruption.set("SIGTERM")
    interruption.set("SIGINT")
    for thread in threads:
        thread.join(timeout=30)
    assert seen == [True] * 4
    assert interruption.reason == "SIGTERM"
    with pytest.raises(Interrupted, match="SIGTERM"):
        Deadline.after(60, interruption).sleep(60)


def test_a_wait_without_a_signal_ends_in_time() -> None:
    began = time.monotonic()
    assert not Interruption().wait(0.05)
    assert not Interruption().wait(-1)
    assert time.monotonic() - began >= 0.05


class Services:
    """A run without anything; it may be sent a signal at the last line that it shows."""

    def __init__(self, *, signal_at_the_end: bool) -> None:
        self.state = self
        self._signal = signal_at_the_end

    def hold(self, _where: list[str]) -> None: ...

    def show(self, _line: str) -> None:
        if self._signal:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_just_before_a_stack_is_kept_up_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.engine.run.LONGEST_HOLD_S", 20.0)
    interruption = Interruption()
    began = time.monotonic()
    with interruptible(interruption):
        hold(NOTHING, cast("Any", Services(signal_at_the_end=True)), interruption)
    assert interruption.is_set
    assert time.monotonic() - began < 10


def test_a_signal_while_a_stack_is_kept_up_is_no_interruption_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.engine.run.LONGEST_HOLD_S", 20.0)
    interruption = Interruption()
    began = time.monotonic()
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with interruptible(interruption):
        timer.start()
        hold(NOTHING, cast("Any", Services(signal_at_the_end=False)), interruption)
    assert not interruption.is_set
    assert time.monotonic() - began < 10
