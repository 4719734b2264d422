"""What a backup is, by what is in it; its name says nothing. Only read, and no link below it is followed."""

from __future__ import annotations

import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gonogo.core.errors import UsageError
from gonogo.drills.given import BackupKind, Given

HEAD_BYTES = 64 * 1024
GZIP, ZSTD, LZ4, XZ, BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\xfd7zXZ", b"BZh"
ARCHIVE = b"PGDMP"
TAR, TAR_AT = b"ustar", 257
CLUSTER_DUMP = (b"-- PostgreSQL database cluster dump", b"\n--\n-- Roles\n--\n")
DUMP = (b"-- PostgreSQL database dump", b"-- Dumped by pg_dump version")  # a comment with a wrong letter is no harm
OTHERS = {  # what people take for backups, and backups of other things
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x7fELF": "a program",
    b"SQLite format 3": "an SQLite database",
    b"REDIS": "a Redis snapshot",
    b"<!DOCTYPE": "an HTML page",
    b"<html": "an HTML page",
}
WANTED = (
    "a dump of pg_dump (custom, directory or tar format, plain SQL), of pg_dumpall, or a base backup of pg_basebackup"
)
BEFORE_IT = "give the folder that holds it and those before it"
SHOWN = 5
MAJOR = {  # how each kind writes it in a small file of its own
    BackupKind.BASE: re.compile(rb"^(\d{2})$", re.MULTILINE),
    BackupKind.CHAIN: re.compile(rb"^(\d{2})$", re.MULTILINE),
    BackupKind.PGBACKREST: re.compile(rb'^db-version="(\d{2})"$', re.MULTILINE),
    BackupKind.BARMAN: re.compile(rb"^version=(\d{2})\d{4}$", re.MULTILINE),
}


def recognise(given: Path) -> Given:
    """What is at a path. Raises UsageError that says what was found where it is no backup of PostgreSQL."""
    try:
        return _recognised(given)
    except OSError as error:
        raise UsageError(f"{error.filename or given}: {error.strerror}") from None


def _recognised(given: Path) -> Given:
    path = given.resolve()
    if not path.exists():
        raise UsageError(f"{given}: there is no such file or folder")
    if path.is_dir():
        found = _folder(path)
        return replace(found, major=major_of(found))
    if not path.is_file():
        raise UsageError(f"{given} is neither a file nor a folder")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return _file(path, head)


def kind_of(head: bytes) -> tuple[BackupKind | None, str]:
    """The kind of a file that begins so, or why it cannot be restored here; neither for what is no backup."""
    if head.startswith(ARCHIVE):
        return BackupKind.CUSTOM, ""
    if head[TAR_AT : TAR_AT + len(TAR)] == TAR:
        if head.startswith(b"toc.dat"):
            return BackupKind.TAR, ""
        if head.startswith((b"backup_label", b"PG_VERSION", b"base/")):
            return None, "it is a tar archive on its own: give the folder that pg_basebackup -Ft made, manifest and all"
    if any(one in head for one in CLUSTER_DUMP):
        return BackupKind.CLUSTER, ""
    return (BackupKind.PLAIN, "") if any(one in head for one in DUMP) else (None, "")


def found(head: bytes) -> str:
    """What a file that begins so is, for people."""
    if not head:
        return "it is empty"
    if not head.strip(b"\0"):
        return "it begins with zeros"
    known = next((what for magic, what in OTHERS.items() if head.startswith(magic)), None)
    if known:
        return f"it is {known}"
    first = head[:40].decode(errors="replace").splitlines()[0]
    return f"it begins with {first!r}" if first.isprintable() else "it is no kind of file that gonogo knows"


def _file(path: Path, head: bytes) -> Given:
    size = path.stat().st_size
    for magic, name in ((XZ, "xz"), (BZIP2, "bzip2")):
        if head.startswith(magic):
            return Given(path=path, size_bytes=size, unsupported=f"it is compressed by {name}: decompress it first")
    for magic, name in ((ZSTD, "zstd"), (LZ4, "lz4")):
        if head.startswith(magic):  # what is in it shows when it is decompressed, where nothing can come of it
            return Given(path=path, size_bytes=size, compression=name)
    compression = "gzip" if head.startswith(GZIP) else ""
    inside = _inflated(head) if compression else head
    kind, unsupported = kind_of(inside)
    if kind is None and not unsupported:
        where = " (inside its gzip)" if compression else ""
        raise UsageError(f"{path} is no backup of PostgreSQL: {found(inside)}{where}; gonogo knows {WANTED}")
    return Given(path=path, size_bytes=size, kind=kind, compression=compression, unsupported=unsupported)


def _inflated(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def _folder(path: Path) -> Given:
    entries = {one.name: one for one in sorted(path.iterdir())}
    if not entries:
        raise UsageError(f"{path} is an empty folder; gonogo knows {WANTED}")
    if "toc.dat" in entries:
        return Given(path=path, size_bytes=_size_of(path), kind=BackupKind.DIRECTORY)
    if is_base(path):
        archives = "PG_VERSION" not in entries
        kind = BackupKind.BASE_TAR if archives else BackupKind.BASE
        reason = "" if archives else _no_base_backup(entries)
        return Given(path=path, size_bytes=_size_of(path), kind=kind, unsupported=reason)
    if any(is_base(one) for one in entries.values()):
        return Given(path=path, size_bytes=_size_of(path), kind=BackupKind.CHAIN)
    if {"archive", "backup"} <= entries.keys():
        return Given(path=path, size_bytes=_size_of(path), kind=BackupKind.PGBACKREST)
    if barman_servers(path):
        return Given(path=path, size_bytes=_size_of(path), kind=BackupKind.BARMAN)
    if "backup.info" in entries:
        reason = "it is one backup of a repository of Barman, without its WAL: give the folder of its server"
        return Given(path=path, size_bytes=0, unsupported=reason)
    names = ", ".join(sorted(entries)[:SHOWN])
    raise UsageError(f"{path} is no backup of PostgreSQL: it is a folder with {names}; gonogo knows {WANTED}")


def is_base(path: Path) -> bool:
    """Whether a folder looks like a base backup, or like a data directory."""
    if path.is_symlink() or not path.is_dir():
        return False
    names = _names_in(path)
    return {"PG_VERSION", "global"} <= names or any(name.startswith("base.tar") for name in names)


def barman_servers(path: Path) -> list[Path]:
    """The folders of servers, of a repository or of one of its servers."""
    found = [one for one in (path, *sorted(path.iterdir())) if one.is_dir() and not one.is_symlink()]
    return [one for one in found if {"base", "wals"} <= _names_in(one)]


def _names_in(folder: Path) -> set[str]:
    """What is in a folder; nothing in one that may not be read, such as the `lost+found` of a file system."""
    try:
        return {one.name for one in folder.iterdir()}
    except PermissionError:
        return set()


def major_of(given: Given) -> int | None:
    """The major version of PostgreSQL that a folder says it is of. Nothing depends on it but whose programs try."""
    if given.kind not in MAJOR:
        return None
    heads = [_head_of(path) for path in _telling(given.kind, given.path)]
    told = {int(match[1]) for head in heads if (match := MAJOR[given.kind].search(head))}
    return told.pop() if len(told) == 1 else None


def _telling(kind: BackupKind, path: Path) -> Iterator[Path]:
    """The files that tell it."""
    match kind:
        case BackupKind.BASE:
            yield path / "PG_VERSION"
        case BackupKind.CHAIN:
            yield from (one / "PG_VERSION" for one in sorted(path.iterdir()) if is_base(one))
        case BackupKind.PGBACKREST:
            yield from sorted((path / "backup").glob("*/backup.info*"))  # and its copy
        case _:
            for server in barman_servers(path):
                yield from sorted((server / "base").glob("*/backup.info"))


def _size_of(folder: Path) -> int:
    """Of the regular files below a folder; no link is followed."""
    return sum(found.st_size for one in folder.rglob("*") if stat.S_ISREG((found := one.lstat()).st_mode))


def _no_base_backup(entries: dict[str, Path]) -> str:
    """Why a data directory is none that gonogo restores, "" where it is."""
    if not entries.keys() & {"backup_label", "backup_manifest"}:
        return "it is a data directory, and no base backup (it has neither backup_label nor backup_manifest)"
    if (wal := entries.get("pg_wal")) is not None and wal.is_symlink():
        return "its pg_wal is a link: the WAL that it needs is not in it"
    if (label := entries.get("backup_label")) is not None and b"INCREMENTAL FROM" in _head_of(label):
        return f"it is an incremental backup: {BEFORE_IT}"
    return ""


def _head_of(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
