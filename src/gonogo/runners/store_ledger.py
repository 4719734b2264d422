"""The ledger of a store beside the database: numbered writes and deletions, each with its acknowledgement's instant."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from types import TracebackType
from typing import Self

from gonogo.core.deadline import Deadline
from gonogo.core.errors import HarnessError, NotMeasurable
from gonogo.drills.stores import Writer, WriteRefused
from gonogo.pg.tally import Entry, Fate, LedgerCount, tally

STREAM = 0
DELETE_EVERY = 4  # one deletion for so many writes
BEFORE = 2  # the entry that is deleted was written so many before
STOP_SECONDS = 30.0
PAUSE_AFTER_TROUBLE_SECONDS = 0.05


class StoreLedger:
    """Writes `rate_per_second` entries one after the other, and deletes some. Leaving stops it; nothing is removed."""

    def __init__(self, writer: Writer, *, rate_per_second: float) -> None:
        self._writer = writer
        self._pause = 1 / rate_per_second
        self._written: list[Entry] = []
        self._deleted: list[Entry] = []
        self._stopping = threading.Event()
        self._crash: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="store-ledger", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the writer and wait for it. Idempotent. Raises HarnessError."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            raise HarnessError(f"the store's ledger did not stop within {STOP_SECONDS:.0f} s")
        if self._crash is not None:
            raise HarnessError(f"the store's ledger failed: {self._crash}") from self._crash

    def await_writes(self, count: int, deadline: Deadline) -> None:
        """Wait for so many more acknowledged writes. Raises DeadlineExceeded."""
        wanted = self._acknowledged() + count
        deadline.poll(lambda: self._acknowledged() >= wanted, every_seconds=self._pause / 2, what="writes go on")

    def counted(self, there: Collection[int], *, until: float) -> LedgerCount:
        """What of the writes that were not deleted a server holds, judged by what was acknowledged until an instant."""
        deleted = {entry.number for entry in self._deleted}
        kept = [entry for entry in self._written if entry.number not in deleted]
        return tally(kept, {(STREAM, number) for number in there if number not in deleted}, until=until)

    def back_again(self, there: Collection[int], *, until: float) -> tuple[int, int]:
        """How many entries whose deletion was acknowledged until an instant are there; and how many those are."""
        gone = {one.number for one in self._deleted if one.acknowledged_at and one.acknowledged_at <= until}
        return len(gone & set(there)), len(gone)

    def _acknowledged(self) -> int:
        return sum(entry.fate is Fate.ACKNOWLEDGED for entry in tuple(self._written))

    def _run(self) -> None:
        try:
            self._write_on()
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: raised again by `stop`
            self._crash = error
        finally:
            with suppress(OSError):
                self._writer.close()

    def _write_on(self) -> None:
        number, due = 0, time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._pause, time.monotonic())
            number += 1
            self._written.append(self._done(number, delete=False))
            if self._written[-1].fate is not Fate.ACKNOWLEDGED:
                due = time.monotonic() + PAUSE_AFTER_TROUBLE_SECONDS
            elif number % DELETE_EVERY == 0:
                self._deleted.append(self._done(number - BEFORE, delete=True))

    def _done(self, number: int, *, delete: bool) -> Entry:
        sent_at, fate, reason = time.monotonic(), Fate.ACKNOWLEDGED, ""
        try:
            if delete:
                self._writer.delete(number)
            else:
                self._writer.write(number)
        except WriteRefused as error:
            fate, reason = Fate.REFUSED, str(error)
        except NotMeasurable as error:
            fate, reason = Fate.INDETERMINATE, str(error)
        ended_at = time.monotonic()
        return Entry(stream=STREAM, number=number, sent_at=sent_at, ended_at=ended_at, fate=fate, reason=reason)
