"""Backups that somebody else made: what they are, taken into the box, restored. Nothing of them is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gonogo.drills.given.target import Target

# What a server or a tool says when it lacks something that a sound backup may need.
LACKING = re.compile(
    r'collation "[^"]+" for encoding|default_tablespace|ICU is not supported|could not access file "\$libdir'
    r"|could not load library|not supported by this build|does not support compression|unsupported version"
    r"|unrecognized configuration parameter|invalid command \\(?:un)?restrict|files are incompatible with server"
    r"|permission denied to grant privileges as role"  # grants of another major version's rules
    r"|Create this directory for the tablespace"  # it was made after the backup was
    r"|permission denied for"  # by membership in another role, which no dump of a database brings
)
IMAGE_HELPS = "--image NAME restores it with the programs of a container image"  # where this host lacks something


class BackupKind(StrEnum):
    """What can be restored here."""

    CUSTOM = "dump in the custom format (pg_dump -Fc)"
    DIRECTORY = "dump in the directory format (pg_dump -Fd)"
    TAR = "dump in the tar format (pg_dump -Ft)"
    PLAIN = "dump as plain SQL (pg_dump)"
    CLUSTER = "dump of a whole cluster (pg_dumpall)"
    BASE = "base backup (pg_basebackup -Fp)"
    BASE_TAR = "base backup in archives (pg_basebackup -Ft)"
    PGBACKREST = "repository of pgBackRest"
    BARMAN = "repository of Barman"
    CHAIN = "folder of base backups, full or incremental"

    @property
    def physical(self) -> bool:
        """Whether it holds the files of a cluster: everything is in it, for one major version."""
        return self in {BackupKind.BASE, BackupKind.BASE_TAR} or self.several

    @property
    def brings_wal(self) -> bool:
        """Whether archived WAL comes with it."""
        return self in {BackupKind.PGBACKREST, BackupKind.BARMAN}

    @property
    def several(self) -> bool:
        """Whether one of several backups is restored."""
        return self is BackupKind.CHAIN or self.brings_wal

    @property
    def brings_roles(self) -> bool:
        """Whether the roles of its cluster come with it."""
        return self.physical or self is BackupKind.CLUSTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A backup as it was found. `unsupported`: it is one, and why this gonogo cannot restore it.

    `kind` is None where that shows only after decompression, or where it is not supported. `major`: of the PostgreSQL
    that it is of, where a look at it tells.
    """

    path: Path
    size_bytes: int
    kind: BackupKind | None = None
    compression: str = ""  # of the file as a whole: gzip, zstd, lz4
    unsupported: str = ""
    major: int | None = None

    @property
    def sentence(self) -> str:
        """What it is."""
        what = self.kind.value if self.kind else "compressed file"
        return f"{what}, {self.compression}" if self.compression else what


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What else was asked of a backup. `tablespaces`, `wal`: folders outside of it that may be read."""

    backup: str = ""  # which of several, "" for the newest
    tablespaces: tuple[Path, ...] = ()
    wal: Path | None = None
    target: Target | None = None  # of a recovery from it; None for its end
    max_age_s: float | None = None  # the oldest that it may be
