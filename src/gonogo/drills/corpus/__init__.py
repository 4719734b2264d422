"""Broken backups, made on purpose: what `gonogo selftest --drills` shows to `gonogo verify-backup`.

A small database is backed up by every method. Then either the backup is damaged (`damage/`: bytes and files), or the
database is changed before another backup is made of it (`content/`: what a good tool faithfully saves of the wrong
data). What a change did is not believed to be known: an oracle restores it with PostgreSQL's own programs and compares.
Everything comes from a seed: the same seed, method, mutation and number give the same member again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol, runtime_checkable

from gonogo.core.registry import Registry
from gonogo.drills.corpus.methods import Method, method_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A private copy of a healthy backup, to be damaged. `other` is one of another day, by the same method; read only.

    `turn` counts the members of one method and damage, so that they can go round everything that can be hit.
    """

    path: Path
    other: Path
    method: Method
    turn: int


@runtime_checkable
class Damage(Protocol):
    """A way to damage files. It need not break anything: the oracle finds that out."""

    def suits(self, method: Method) -> bool:
        """Whether a backup by this method can have it."""

    def apply(self, copy: Copy, dice: Random) -> str:
        """Damage the copy in place; returns what was done, in one line."""


@runtime_checkable
class Content(Protocol):
    """A change of the database before the backup is made."""

    def statements(self, turn: int, dice: Random) -> tuple[str, str]:
        """What is changed, in one line, and the SQL that does it, for a superuser's session in the database.

        `turn` as in `Copy`.
        """


DAMAGES: Registry[Damage] = Registry(
    kind="damage", package="gonogo.drills.corpus.damage", attribute="DAMAGE", protocol=Damage
)
CONTENTS: Registry[Content] = Registry(
    kind="content", package="gonogo.drills.corpus.content", attribute="CONTENT", protocol=Content
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One broken backup to be: `id` and the seed make it again. `found_before`: it showed a mistake once."""

    seed: int
    method: Method
    mutation: str
    number: int
    found_before: bool = False

    @property
    def id(self) -> str:
        """As the matrix and `--only` name it: method/mutation/number, and the seed where it is not the run's."""
        seed = f"@{self.seed}" if self.found_before else ""
        return f"{self.method.name}/{self.mutation}/{self.number}{seed}"

    @property
    def is_content(self) -> bool:
        """Whether the database is changed, and not the backup."""
        return self.mutation in CONTENTS.names()

    @property
    def turn(self) -> int:
        """Where in the round of its mutation it is; each seed begins somewhere else."""
        return self.number + Random(f"{self.seed}/{self.mutation}").randrange(1000)  # noqa: S311 - as below

    def dice(self) -> Random:
        """Its own: what else is made does not change it. A change of the database is the same for every method."""
        whose = "" if self.is_content else self.method.name
        return Random(f"{self.seed}/{whose}/{self.mutation}/{self.number}")  # noqa: S311 - to be made again, not secret


# Damages that showed a mistake of `verify-backup` once: they are in every corpus, so that it grows with each mistake.
# Changes of the database that did so are variants of their own in `content/`.
FOUND_BEFORE = (
    "tar/truncated/0@1",  # cut in what pg_restore never reads
    "tar/doubled_block/0@1",  # the same, damaged
    "sql-create/appended/0@1",  # zeros behind the last line
    "directory-stored/lost_block/0@1",  # a byte of a large object
    "barman/emptied_file/0@11",  # a label among the WAL, which `barman recover` stops at
    "barman/removed_file/0@11",  # the list of the WAL, without which it takes none
    "barman/zeroed_block/1@11",  # the same, damaged
    "pgbackrest/zeroed_block/1@11",  # one of two copies of the list of backups
)


def found_before() -> list[Member]:
    """The members of `FOUND_BEFORE`."""
    members = []
    for text in FOUND_BEFORE:
        method, mutation, number = text.split("/")
        number, _, seed = number.partition("@")
        members.append(
            Member(
                seed=int(seed), method=method_named(method), mutation=mutation, number=int(number), found_before=True
            )
        )
    return members
