"""Dumps of a whole cluster (pg_dumpall): roles, tablespaces and every database, in one script for all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.drills import Phases, RestoreFailed
from gonogo.drills.given.logical import (
    SHORT_SECONDS,
    building_options,
    by_psql,
    extensions_missing,
    require_last,
    require_old_enough,
)
from gonogo.drills.given.made import Made, of_line
from gonogo.drills.given.script import (
    CREATE_DATABASE,
    EXTENSION,
    LONGEST_LINE,
    NAME,
    VERSION,
    lines_of,
    outside_of_rows,
    unquoted,
    without_locale,
)
from gonogo.pg.sessions import session
from gonogo.stacks.local.boxed import SINCE_IN_PLACE, SUPERUSER, BoxedPostgres

LAST_LINE = b"-- PostgreSQL database cluster dump complete"
BEGINS, ENDS = "-- PostgreSQL database dump", "-- PostgreSQL database dump complete"
FIRST_OF_DATABASES = ("-- Database", "\\connect ")
FIRST_DATABASE = "postgres"  # the script is written for somebody who is connected to it
ROLE = re.compile(rf"^CREATE ROLE (?P<name>{NAME});\s*$")
SUPER = re.compile(rf"^ALTER ROLE (?P<name>{NAME}) WITH SUPERUSER ")
GRANTED = re.compile(rf" GRANTED BY (?P<name>{NAME});\s*$")
DROPS = ("DROP DATABASE ", "DROP ROLE ", "DROP TABLESPACE ")
TABLESPACE = re.compile(r"^(?P<what>CREATE TABLESPACE .*) LOCATION '(?:[^']|'')*';\s*$")
IN_TABLESPACE = re.compile(rf" TABLESPACE = (?:{NAME})")
TRIED = "gonogo_tried"


@dataclass(slots=True, kw_only=True)
class SpokenOfCluster:
    """What the script speaks of. `preface`: lines before the first database that are not to be run as they are."""

    major: int | None = None
    made: Made | None = None  # the first part of it
    roles: dict[str, str] = field(default_factory=dict)  # name: the line that creates it
    superusers: list[str] = field(default_factory=list)
    grantors: Counter[str] = field(default_factory=Counter)
    drops: list[str] = field(default_factory=list)
    tablespaces: list[str] = field(default_factory=list)
    databases: dict[str, str] = field(default_factory=dict)  # name: the statement that creates it
    extensions: dict[str, None] = field(default_factory=dict)
    begun: int = 0
    ended: int = 0
    in_preface: bool = True

    def hear(self, line: str) -> None:
        """One line outside of rows."""
        if line.startswith(FIRST_OF_DATABASES):
            self.in_preface = False
        if self.in_preface:
            self._hear_of_roles(line)
        self.begun += line.rstrip() == BEGINS
        self.ended += line.rstrip() == ENDS
        if match := CREATE_DATABASE.match(line):
            self.databases.setdefault(unquoted(match["name"]), line)
        elif match := EXTENSION.match(line):
            self.extensions[unquoted(match["name"])] = None
        elif match := VERSION.match(line):
            self.major = max(self.major or 0, int(match["major"]))
        elif self.made is None:
            self.made = of_line(line)

    def _hear_of_roles(self, line: str) -> None:
        if match := ROLE.match(line):
            self.roles.setdefault(unquoted(match["name"]), line)
        elif match := SUPER.match(line):
            self.superusers.append(unquoted(match["name"]))
        elif match := GRANTED.search(line):
            self.grantors[unquoted(match["name"])] += 1
        elif line.startswith(DROPS):
            self.drops.append(line)
        elif TABLESPACE.match(line):
            self.tablespaces.append(line)

    @property
    def first_role(self) -> str:
        """Who made the cluster: what this role granted can be granted by nobody else.

        >>> SpokenOfCluster(superusers=["amy", "postgres"], grantors=Counter({"amy": 2, "bob": 9})).first_role
        'amy'
        """
        granting = [name for name, _ in self.grantors.most_common() if name in self.superusers]
        usual = [name for name in self.superusers if name == FIRST_DATABASE]
        return next(iter((*granting, *usual, *self.superusers)), SUPERUSER)


def spoken_of(lines: Iterable[str]) -> SpokenOfCluster:
    """Everything that the script speaks of."""
    found = SpokenOfCluster()
    for line in outside_of_rows(lines):
        found.hear(line)
    return found


@dataclass(slots=True, kw_only=True)
class ClusterDump:
    """The script in the box. `kept_locale` is False where a database's locale is not to be had here.

    `reference_major` as in `Dump`.
    """

    path: Path
    server: BoxedPostgres
    deadline: Deadline
    spoken: SpokenOfCluster = field(default_factory=SpokenOfCluster)
    kept_locale: bool = True
    reference_major: int | None = None

    def look(self) -> None:
        """Find out what it needs, without a server. Raises RestoreFailed where it is no whole dump, NotMeasurable."""
        require_last(self.path, LAST_LINE, "pg_dumpall")
        self.spoken = spoken_of(lines_of(self.path, self.deadline))
        if self.spoken.begun > self.spoken.ended:
            missing = self.spoken.begun - self.spoken.ended
            raise RestoreFailed(f"the dumps of {missing} of its {self.spoken.begun} databases do not end")
        if not self.spoken.begun:
            raise RestoreFailed("it holds no database: roles and tablespaces alone bring no row back")
        here = self.server.box.binaries
        require_old_enough(self.server, self.spoken.major, self.reference_major)
        if self.spoken.tablespaces and here.major < SINCE_IN_PLACE:
            raise NotMeasurable(f"it has tablespaces, which PostgreSQL {here.version} here cannot make in place")

    def require_extensions(self) -> None:
        """Raise NotMeasurable where the server here lacks one."""
        extensions_missing(self.server, self.spoken.extensions)

    def restore(self, phases: Phases) -> None:
        """Run the script, in a server that was made by its own first role. Raises RestoreFailed, NotMeasurable."""
        changed = self._changes()
        if changed:
            self._rewrite(changed)
        phases.begin("SQL")
        by_psql(self.server, self.path, database=FIRST_DATABASE, options=building_options(), deadline=self.deadline)

    def _changes(self) -> dict[str, str]:
        """Lines that cannot be run here as they are, and what takes their place in the copy.

        The roles that are there already; what --clean drops, of which nothing is there; places of tablespaces, which
        are of another host; locales that are not to be had here.
        """
        there = [self.spoken.roles[name] for name in {self.spoken.first_role, SUPERUSER} & self.spoken.roles.keys()]
        changes = dict.fromkeys((*self.spoken.drops, *there), "\n")
        for line in self.spoken.tablespaces:
            changes[line] = TABLESPACE.sub(r"\g<what> LOCATION '';\n", line)
        with session(self.server.dsn(), timeout_seconds=SHORT_SECONDS) as connection:
            for statement in self.spoken.databases.values():
                if not _creates(connection, statement):
                    self.kept_locale = False
                    changes[statement] = without_locale(statement) + "\n"
        return changes

    def _rewrite(self, changes: dict[str, str]) -> None:
        """In the copy alone. Each of these lines is written once, before any row that could look like it."""
        left = {line.encode(): text.encode() for line, text in changes.items()}
        changed = self.path.with_name("changed.sql")
        with self.path.open("rb") as source, changed.open("wb") as target:
            for line in iter(lambda: source.readline(LONGEST_LINE), b""):
                target.write(left.pop(line, line))
        self.path.unlink()
        self.path = self.server.box.own(changed)


def _creates(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> bool:
    """Whether a database with such a locale can be made here."""
    match = CREATE_DATABASE.match(statement)
    assert match is not None
    rest = IN_TABLESPACE.sub("", match["rest"] or "")
    try:
        connection.execute(f"CREATE DATABASE {TRIED}{rest}".encode())
        connection.execute(f"DROP DATABASE {TRIED}".encode())
    except psycopg.Error:
        return False
    return True
