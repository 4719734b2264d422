"""Where a backup can be hit: its parts by name, so that members go round all of them, and ways to change bytes."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gonogo.drills.corpus import Copy
from gonogo.drills.corpus.methods import Form

HEAD_BYTES, TAIL_BYTES, BLOCK = 64, 64, 512
FIRST_OF_USERS = 16384  # relations below it belong to the system
SYSTEM_FILES = {  # of a data directory, by what they are
    "global/pg_control": "control file",
    "backup_label": "label",
    "backup_manifest": "manifest",
    "PG_VERSION": "version",
    "toc.dat": "table of contents",
    "blobs_70001.toc": "table of contents",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A stretch of a file. `part` names what is there."""

    part: str
    file: Path
    start: int
    size: int


def spots(copy: Copy) -> dict[str, list[Spot]]:
    """Every part of a backup with the places where it is; nothing of no length."""
    found: dict[str, list[Spot]] = {}
    for spot in _all(copy):
        if spot.size > 0:
            found.setdefault(spot.part, []).append(spot)
    return found


def chosen(copy: Copy, dice: Random) -> Spot:
    """The part is the next one in turn, the place in it by the dice."""
    found = spots(copy)
    names = sorted(found)
    return dice.choice(found[names[copy.turn % len(names)]])


def files_of(copy: Copy) -> list[Path]:
    """All its files."""
    return sorted(one for one in copy.path.rglob("*") if one.is_file()) if copy.path.is_dir() else [copy.path]


def named(copy: Copy, spot: Spot) -> str:
    """A spot, for people."""
    where = "" if copy.path.is_file() else f" of {spot.file.relative_to(copy.path)}"
    return f"{spot.part}{where}"


def replaced(file: Path, start: int, size: int, by: bytes) -> None:
    """Put other bytes in the place of some."""
    content = file.read_bytes()
    file.write_bytes(content[:start] + by + content[start + size :])


def _all(copy: Copy) -> Iterator[Spot]:
    for file in files_of(copy):
        if copy.method.moving:
            yield _whole(_kind_in(str(file.relative_to(copy.path))), file)
        elif copy.method.form is Form.FILES or (copy.method.form is Form.ARCHIVE and not copy.method.file):
            yield _whole(_kind(str(file.relative_to(copy.path))), file)
        elif file.suffix == ".tar" or copy.method.name == "tar":
            yield from _of_archive(file)
        elif file.name == "backup_manifest":
            yield _whole("manifest", file)
        else:
            yield from _of_file(file)


def _whole(part: str, file: Path) -> Spot:
    return Spot(part=part, file=file, start=0, size=file.stat().st_size)


def _kind_in(name: str) -> str:
    """What a file of several backups, or of a repository, is."""
    folders = name.split("/")[:-1]
    last = name.rpartition("/")[2]
    if last.startswith(("backup.info", "archive.info", "xlog.db")):
        return "list of what there is"
    if last.startswith("backup.manifest"):
        return "manifest"
    if {"wal", "wals", "archive"} & {*folders[:2]}:
        return "history" if ".backup" in last or ".history" in last else "WAL"
    roots = [number for number, one in enumerate(folders) if one in {"data", "pg_data"}]
    inside = name.split("/")[roots[0] + 1 if roots else 1 :]
    return _kind("/".join(inside).removesuffix(".gz"))


def _kind(name: str) -> str:
    """What a file of a backup is."""
    folder, _, last = name.rpartition("/")
    if name in SYSTEM_FILES:
        return SYSTEM_FILES[name]
    if folder.startswith("pg_wal"):
        return "WAL"
    last = last.removeprefix("INCREMENTAL.")
    if folder.startswith("base") and last.partition("_")[0].isdigit():
        if "_" in last:
            return "map of a relation"
        return "relation" if int(last) >= FIRST_OF_USERS else "relation of the system"
    if last.partition(".")[0].isdigit() or last.startswith("blob"):
        return "data"
    return "other file"


def _of_archive(file: Path) -> Iterator[Spot]:
    """Headers, contents and paddings of the members of a tar, and its end."""
    end = 0
    with tarfile.open(file) as archive:
        for member in archive:
            after = member.offset_data + member.size
            end = -(-after // BLOCK) * BLOCK
            yield Spot(part="header", file=file, start=member.offset, size=member.offset_data - member.offset)
            yield Spot(part=_kind(member.name), file=file, start=member.offset_data, size=member.size)
            yield Spot(part="padding", file=file, start=after, size=end - after)
    yield Spot(part="end", file=file, start=end, size=file.stat().st_size - end)


def _of_file(file: Path) -> Iterator[Spot]:
    size = file.stat().st_size
    head, tail = min(HEAD_BYTES, size), max(HEAD_BYTES, size - TAIL_BYTES)
    yield Spot(part="head", file=file, start=0, size=head)
    third = (tail - head) // 3
    for number, part in enumerate(("first third", "second third", "last third")):
        yield Spot(part=part, file=file, start=head + number * third, size=third)
    yield Spot(part="tail", file=file, start=tail, size=size - tail)
