"""Space has an end: whatever grows beyond its share is stopped while it grows."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gonogo.core.quantity import format_bytes

EVERY_SECONDS = 0.25
SHARE = 10  # pauses are this many times as long as a look
RESERVE_BYTES = 256 * 2**20  # stays free for everybody else, whatever happens


@contextmanager
def space_watched(folder: Path, limit_bytes: int, stop: Callable[[str], None]) -> Iterator[None]:
    """Call `stop` with a sentence, once, when the folder holds more than its limit or the disk is nearly full."""
    ended = threading.Event()

    def watch() -> None:
        pause = EVERY_SECONDS
        while not ended.wait(pause):
            began = time.monotonic()
            if reason := _too_much(folder, limit_bytes):
                stop(reason)
                return
            pause = max(EVERY_SECONDS, SHARE * (time.monotonic() - began))  # looking through many files takes its time

    thread = threading.Thread(target=watch, name="space", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _too_much(folder: Path, limit_bytes: int) -> str | None:
    free = shutil.disk_usage(folder).free
    if free < RESERVE_BYTES:
        return f"stopped: the disk is nearly full, {format_bytes(free)} are left"
    used = used_bytes(folder)
    if used > limit_bytes:
        return f"stopped: it grew beyond {format_bytes(limit_bytes)} (--max-size allows more)"
    return None


def used_bytes(folder: Path) -> int:
    """What the files below a folder take on disk; holes take nothing. What vanishes meanwhile counts as nothing."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512  # noqa: PTH118 - many files, often
    return total
