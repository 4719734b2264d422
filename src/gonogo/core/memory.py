"""What an earlier command worked out, kept in a file for as long as the code that did is the same.

A memory only saves time: what cannot be read is worked out again, what cannot be written is forgotten. Runs, and so
verdicts, are made without one.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MOST_ENTRIES = 2_000  # content that is edited leaves entries behind; past this only those of the last command are kept
CHECKSUM_BYTES = 4


class Memory:
    """Plain data (numbers, texts, tuples, lists, dictionaries) by key."""

    def __init__(self, file: Path | None) -> None:
        """Read `file`; what is damaged, or was written by other code, is forgotten. None: there is no place for one."""
        self._file = file
        self._code = _code()
        self._known = _read(file, self._code) if file is not None else {}
        self._used: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """What was worked out, or None. Not to be changed."""
        found = self._known.get(key)
        if found is not None:
            self._used[key] = found
        return found

    def add(self, key: str, value: Any) -> None:
        """Remember something other than None."""
        self._used[key] = value

    def save(self) -> None:
        """Write the file if there is something new."""
        if self._file is None or not self._used.keys() - self._known.keys():
            return
        everything = {**self._known, **self._used}
        content = marshal.dumps((self._code, everything if len(everything) <= MOST_ENTRIES else self._used))
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}.tmp")
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_bytes(zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "big") + content)
            temporary.replace(self._file)


@contextmanager
def remembering(file: Path | None) -> Iterator[Memory]:
    """A memory that is saved in the end, unless there was an error."""
    memory = Memory(file)
    yield memory
    memory.save()


def _read(file: Path, code: list[str]) -> dict[str, Any]:
    try:
        stored = file.read_bytes()
    except OSError:
        return {}
    checksum, content = stored[:CHECKSUM_BYTES], stored[CHECKSUM_BYTES:]
    if zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "big") != checksum or not content:
        return {}
    written_by, known = marshal.loads(content)  # noqa: S302 - the user's own file, and its checksum is right
    return known if written_by == code else {}


def _code() -> list[str]:
    """What worked it out: Python, and every module of gonogo by place, size and time."""
    return [sys.version, *sorted(_modules(Path(__file__).resolve().parent.parent))]


def _modules(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                seen = entry.stat()
                yield f"{entry.path} {seen.st_size} {seen.st_mtime_ns}"
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _modules(Path(entry.path))
