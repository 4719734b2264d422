"""Damage is what it says: always the same for the same dice, never of nothing, round all parts of a backup."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from random import Random

import pytest

from gonogo.drills.corpus import CONTENTS, DAMAGES, Copy
from gonogo.drills.corpus.methods import METHODS, method_named
from gonogo.drills.corpus.spots import chosen, spots

EVERYWHERE = ("appended", "doubled_block", "emptied_file", "flipped_bit", "lost_block", "truncated", "zeroed_block")
CONTENT = bytes(range(1, 256)) * 40


def copy_of(folder: Path, name: str, turn: int = 0) -> Copy:
    """Something of the shape of a backup by a method."""
    path, method = folder / "backup", method_named(name)
    if method.file:
        path.write_bytes(CONTENT)
    else:
        for inside in ("PG_VERSION", "global/pg_control", "base/5/20001", "base/5/20001_vm", "pg_wal/01"):
            file = path / inside
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(CONTENT)
    return Copy(path=path, other=path, method=method, turn=turn)


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("method", ["custom", "base"])
def test_damage_is_real_and_comes_again(name: str, method: str, tmp_path: Path) -> None:
    told = []
    for attempt in ("one", "two"):
        folder = tmp_path / attempt
        folder.mkdir()
        copy = copy_of(folder, method)
        what = DAMAGES.load(name).apply(copy, Random(f"{name} 3"))
        files = [one for one in (copy.path, *copy.path.rglob("*")) if one.is_file()]
        assert any(one.read_bytes() != CONTENT for one in files), what
        told.append((what, [one.read_bytes() for one in sorted(files)]))
    assert told[0] == told[1]


def test_members_go_round_all_parts(tmp_path: Path) -> None:
    first = copy_of(tmp_path, "base")
    parts = set(spots(first))
    assert parts == {"version", "control file", "relation", "map of a relation", "WAL"}
    turns = (Copy(path=first.path, other=first.path, method=first.method, turn=turn) for turn in range(len(parts)))
    assert {chosen(one, Random(1)).part for one in turns} == parts


def test_the_parts_of_an_archive_are_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    with tarfile.open(path, "w") as archive:
        for name in ("toc.dat", "2934.dat"):
            info = tarfile.TarInfo(name)
            info.size = 700
            archive.addfile(info, io.BytesIO(bytes(700)))
    found = spots(Copy(path=path, other=path, method=method_named("tar"), turn=0))
    assert set(found) == {"header", "table of contents", "data", "padding", "end"}
    assert sum(one.size for group in found.values() for one in group) == path.stat().st_size


def test_every_damage_suits_something_and_every_content_has_variants() -> None:
    assert all(any(DAMAGES.load(name).suits(method) for method in METHODS) for name in DAMAGES.names())
    for name in CONTENTS.names():
        texts = [CONTENTS.load(name).statements(turn, Random(1)) for turn in range(30)]
        assert len({what for what, _ in texts}) >= 3
        assert all("{n}" not in sql and sql for _, sql in texts)
