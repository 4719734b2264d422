"""A line is in the file whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gonogo.rundir.files import append_line


def test_a_disk_that_takes_a_part_of_a_line_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "events", os.write
    append_line(path, "first")
    room = [3]

    def nearly_full(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, room[0] = write(descriptor, data[: room[0]]), 0
        return taken

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(OSError, match="No space left"):
        append_line(path, "second")
    monkeypatch.setattr(os, "write", write)
    append_line(path, "third")
    assert path.read_text() == "first\nthird\n"


def test_what_a_killed_writer_left_of_a_line_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "undo"
    path.write_text('{"id": "u1"}\n{"id": "u')
    append_line(path, '{"id": "u1", "undone": true}')
    assert path.read_text().splitlines()[-1] == '{"id": "u1", "undone": true}'
