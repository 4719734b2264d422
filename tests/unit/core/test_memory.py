"""A memory gives back what was put in, and nothing that is damaged or was worked out by other code."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gonogo.core import memory as module
from gonogo.core.memory import Memory, remembering

VALUE = ({"a": [1, 2.5, None, True, "ä"]}, {(): (1, 1), ("a", 0): (3, 7)})


def stored(file: Path, **values: Any) -> Path:
    with remembering(file) as memory:
        for key, value in values.items():
            memory.add(key, value)
    return file


def test_what_was_added_is_there_the_next_time(tmp_path: Path) -> None:
    file = stored(tmp_path / "memory", one=VALUE, two=("x",))
    memory = Memory(file)
    assert memory.get("one") == VALUE
    assert memory.get("two") == ("x",)
    assert memory.get("three") is None
    assert list(tmp_path.iterdir()) == [file]


def test_without_anything_new_the_file_is_left_alone(tmp_path: Path) -> None:
    file = stored(tmp_path / "memory", one=1)
    before = file.stat()
    with remembering(file) as memory:
        memory.get("one")
    assert file.stat() == before


def test_an_error_saves_nothing(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), remembering(tmp_path / "memory") as memory:
        memory.add("one", 1)
        memory.add("two", 1 // 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_one_damaged_byte_anywhere_forgets_everything(tmp_path: Path, at: int) -> None:
    file = stored(tmp_path / "memory", one=VALUE)
    content = bytearray(file.read_bytes())
    content[at * len(content) // 400] ^= 0x10
    file.write_bytes(content)
    assert Memory(file).get("one") is None


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"{}", b"\0" * 50])
def test_what_is_no_memory_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "memory").write_bytes(content)
    assert Memory(tmp_path / "memory").get("one") is None


def test_other_code_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stored(tmp_path / "memory", one=1)
    monkeypatch.setattr(sys, "version", "another")
    assert Memory(file).get("one") is None


def test_every_module_counts_as_code() -> None:
    package = Path(module.__file__).parents[1]
    seen = {line.split(" ")[0] for line in module._code()[1:]}
    assert seen == {str(path) for path in package.rglob("*.py")}


def test_a_place_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    stored(tmp_path / "file" / "memory", one=1)
    assert (tmp_path / "file").read_text() == ""


def test_without_a_place_nothing_is_kept() -> None:
    with remembering(None) as memory:
        memory.add("one", 1)
    assert Memory(None).get("one") is None


def test_what_nobody_uses_any_more_does_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 3)
    file = tmp_path / "memory"
    kept = [len(module._read(stored(file, **{f"key{number}": 1}), module._code())) for number in range(5)]
    assert kept == [1, 2, 3, 1, 2]
