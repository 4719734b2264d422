"""Logs of services, kept in the run directory while they are written: whole lines, redacted, bounded in size."""

from __future__ import annotations

import threading
from pathlib import Path

from gonogo.core.redact import Redactor

LIMIT_BYTES = 8 * 2**20  # of one file; a full one becomes NAME.1.log, and the one before that goes
LONGEST_LINE_BYTES = 2**18
LEFT_OUT = "(gonogo: a line of more than {kib} KiB is left out)\n"
LET_GO = "(gonogo: {bytes} bytes before this line were let go)\n"


class RunLog:
    """One log. Thread-safe; what it was given before a kill is there, but for a last line that had no end yet."""

    def __init__(self, path: Path, redactor: Redactor, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._redactor = redactor
        self._limit = limit_bytes
        self._rest = b""
        self._skipping = False  # the rest of a line that is left out
        self._size = 0
        self._let_go = 0
        self._lock = threading.Lock()

    @property
    def before(self) -> Path:
        """The file that was full."""
        return self.path.with_suffix(f".1{self.path.suffix}")

    def write(self, data: bytes) -> None:
        """Take any piece of the log; only whole lines are written, since a secret may be cut in two anywhere else."""
        with self._lock:
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._append("".join(map(self._line, lines)))
            if len(self._rest) > LONGEST_LINE_BYTES:
                self._append("" if self._skipping else LEFT_OUT.format(kib=LONGEST_LINE_BYTES >> 10))
                self._rest, self._skipping = b"", True

    def close(self) -> None:
        """Write a last line that has no end. It may be called, and written to, again."""
        with self._lock:
            rest, self._rest = self._rest, b""
            if rest:
                self._append(self._line(rest))

    def _line(self, line: bytes) -> str:
        if self._skipping:
            self._skipping = False
            return ""
        if len(line) > LONGEST_LINE_BYTES:
            return LEFT_OUT.format(kib=LONGEST_LINE_BYTES >> 10)
        return self._redactor.text(line.decode(errors="replace")) + "\n"

    def _append(self, text: str) -> None:
        if not text:
            return
        data = text.encode()
        if self._size and self._size + len(data) > self._limit:
            if self.before.exists():
                self._let_go += self.before.stat().st_size
            self.path.replace(self.before)
            self._size = 0
            data = (LET_GO.format(bytes=self._let_go).encode() if self._let_go else b"") + data
        if not self._size:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
        with self.path.open("ab") as file:
            file.write(data)
        self._size += len(data)
