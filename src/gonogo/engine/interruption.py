"""SIGINT and SIGTERM end a run cleanly: the first asks, items end, faults heal, reports are written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gonogo.core.deadline import Interruption

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(interruption: Interruption) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an interruption. Later ones are ignored: clean-up must not be cut short."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signal handlers belong to the main thread; embedders interrupt by the object itself
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        interruption.set(signal.Signals(number).name)

    previous = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
