"""Dumps: what they need is looked for first, then they are restored by PostgreSQL's own programs, inside the box."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.drills import Phases, RestoreFailed, printable, words
from gonogo.drills.given import IMAGE_HELPS, LACKING, BackupKind
from gonogo.drills.given.made import of_archive
from gonogo.drills.given.script import LONGEST_LINE, Spoken, lines_of, spoken, without_locale
from gonogo.drills.given.staging import BoundedInfo
from gonogo.drills.pg_dump_plain import LAST_BYTES, LAST_LINE
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import ToolResult
from gonogo.stacks.local.boxed import MAINTENANCE, SUPERUSER, BoxedPostgres

OURS = "restored"  # the database of a dump that creates none
SHORT_SECONDS = 60.0
MEMORY_SHARE, MOST_MEMORY_MIB, LEAST_MEMORY_MIB = 0.25, 2048, 64
MIB = 2**20
WRONG_BYTES = 2
CONTENTS = "toc.dat"
WITH_A_MEMBER = re.compile(r"^(?P<id>\d+); \d+ \d+ (?P<kind>TABLE DATA|BLOBS) ", re.MULTILINE)
MEMBERS = {"TABLE DATA": "{}.dat", "BLOBS": "blobs_{}.toc"}


def building_options() -> str:
    """Settings of the restoring session: memory and workers for index builds; notices are not wanted."""
    host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = int(max(LEAST_MEMORY_MIB, min(host * MEMORY_SHARE / MIB, MOST_MEMORY_MIB)))
    return session_options({"maintenance_work_mem": f"{memory}MB", "max_parallel_maintenance_workers": helpers()})


def helpers() -> str:
    """Workers beside the leader of an index build; more than there are processors bring nothing."""
    return str(max(1, (os.cpu_count() or 2) - 1))


def session_options(settings: Mapping[str, str]) -> str:
    """As PGOPTIONS; the database may say otherwise, and notices are not wanted."""
    always = {"client_min_messages": "warning", "role": "none", "default_transaction_read_only": "off"}
    return " ".join(f"-c {name}={value}" for name, value in {**settings, **always}.items())


@dataclass(slots=True, kw_only=True)
class Dump:
    """A dump in the box, and what it speaks of. `kept_locale` is False where its locale is not to be had here.

    `options` are the settings of the sessions that restore it.
    `reference_major`: everything that comes back will be compared with a database of that version. Then a lost last
    line alone is no loss, and what the dump says of its own version not the last word.
    """

    path: Path
    kind: BackupKind
    server: BoxedPostgres
    deadline: Deadline
    spoken: Spoken = field(default_factory=Spoken)
    kept_locale: bool = True
    options: str = field(default_factory=building_options)
    reference_major: int | None = None

    @property
    def brings_database(self) -> bool:
        """Whether the database's own settings and grants come with it."""
        return self.spoken.database is not None and (self.kind is BackupKind.PLAIN or self.kept_locale)

    def look(self) -> None:
        """Find out what it needs, without a server. Raises RestoreFailed where it is no whole dump, NotMeasurable."""
        if self.kind is BackupKind.TAR and CONTENTS not in complete_members(self.path):
            raise RestoreFailed(f"the archive is damaged or cut: {CONTENTS} is not there whole")
        if self.kind is BackupKind.PLAIN:
            if self.reference_major is None:
                require_last(self.path, LAST_LINE, "pg_dump")
            self.spoken = spoken(lines_of(self.path, self.deadline))
        else:
            listing = self.archived(["--list"]).stdout
            if self.kind is BackupKind.TAR:
                require_whole_archive(self.path, listing)
            script = self.archived(["--create", "--schema-only", "--file=-"])
            self.spoken = replace(spoken(script.stdout.splitlines()), made=of_archive(listing))
        require_old_enough(self.server, self.spoken.major, self.reference_major)

    def require_extensions(self) -> None:
        """Raise NotMeasurable where the server here lacks one."""
        extensions_missing(self.server, self.spoken.extensions)

    def make_room(self) -> str:
        """Roles that it names, without any right; the database, if it makes none. Returns the database's name.

        What only a superuser may own would be refused to others: the owners of such things are superusers here.
        """
        with session(self.server.dsn(), timeout_seconds=SHORT_SECONDS) as connection:
            for name in self.spoken.roles:
                if name != SUPERUSER:
                    right = sql.SQL("SUPERUSER" if name in self.spoken.superusers else "NOSUPERUSER")
                    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN {}").format(sql.Identifier(name), right))
            connection.execute("DROP DATABASE IF EXISTS postgres")
            self.kept_locale = self._creates(connection)
            if not self.kept_locale or self.spoken.database is None:
                self._create(connection)
        return self.spoken.database or OURS

    def _creates(self, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
        """Whether its own CREATE DATABASE works here: a locale of another machine is no fault of the dump."""
        if self.spoken.database is None:
            return True
        try:
            connection.execute(self.spoken.create_statement.encode())
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(self.spoken.database)))
        except psycopg.Error:
            return False
        return True

    def _create(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        name, encoding = sql.Identifier(self.spoken.database or OURS), sql.Literal(self.spoken.encoding or "UTF8")
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'")
        connection.execute(statement.format(name, encoding))

    def restore(self, database: str, phases: Phases) -> None:
        """Everything that is in it. Raises RestoreFailed with the tool's own words."""
        if self.kind is BackupKind.PLAIN:
            phases.begin("SQL")
            self._by_psql(database)
            return
        creates = self.spoken.database is not None and self.kept_locale
        for section, phase in (("pre-data", "schema"), ("data", "data"), ("post-data", "keys and indexes")):
            phases.begin(phase)
            first = creates and section == "pre-data"
            into = MAINTENANCE if first else database
            arguments = [
                "--exit-on-error",
                "--no-tablespaces",
                f"--section={section}",
                *(["--create"] if first else []),
            ]
            self.archived([*arguments, f"--dbname={make_conninfo(dbname=into)}"])

    def _by_psql(self, database: str) -> None:
        creates = self.spoken.database is not None
        if creates and not self.kept_locale:
            self._rewrite_locale(database)
        into = MAINTENANCE if creates else database
        by_psql(self.server, self.path, database=into, options=self.options, deadline=self.deadline)

    def _rewrite_locale(self, database: str) -> None:
        """In the copy alone: the database is made with a locale that is here, before anything is in it."""
        with session(self.server.dsn(), timeout_seconds=SHORT_SECONDS) as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database)))
        changed = self.path.with_name("changed.sql")
        wanted = self.spoken.create_statement.encode()
        with self.path.open("rb") as source, changed.open("wb") as target:
            for line in iter(lambda: source.readline(LONGEST_LINE), b""):
                if wanted and line == wanted:
                    line, wanted = without_locale(wanted.decode()).encode() + b"\n", b""  # noqa: PLW2901 - the one line
                target.write(line)
        self.path = self.server.box.own(changed)

    def archived(self, arguments: list[str]) -> ToolResult:
        """pg_restore on the archive. Raises RestoreFailed; NotMeasurable where this build cannot read it."""
        result = self.server.client(
            "pg_restore", [*arguments, str(self.path)], database=MAINTENANCE, options=self.options,
            deadline=self.deadline,
        )  # fmt: skip
        see(self.server, "pg_restore", result)
        return result


def by_psql(server: BoxedPostgres, path: Path, *, database: str, options: str, deadline: Deadline) -> None:
    """Run a script up to its first error. Raises RestoreFailed, NotMeasurable."""
    quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}", f"--file={path}"]
    see(server, "psql", server.client("psql", quiet, database=database, options=options, deadline=deadline))


def see(server: BoxedPostgres, name: str, result: ToolResult) -> None:
    """Raise RestoreFailed for what failed; NotMeasurable where something is not here that it needs."""
    if not result.exit_code:
        return
    if LACKING.search(result.stderr):
        raise NotMeasurable(f"{name} {server.box.binaries.version} here cannot restore it: {words(result)}")
    raise RestoreFailed(f"{name} failed: {words(result)}")


def require_old_enough(server: BoxedPostgres, major: int | None, reference_major: int | None) -> None:
    """Raise NotMeasurable for a dump of a newer version, unless what it is compared with says that it is none."""
    here = server.box.binaries
    if major is not None and major > here.major and (reference_major is None or reference_major > here.major):
        raise NotMeasurable(f"it is of PostgreSQL {major}; here is only PostgreSQL {here.version}; {IMAGE_HELPS}")


def extensions_missing(server: BoxedPostgres, wanted: Iterable[str]) -> None:
    """Raise NotMeasurable where the server here lacks one."""
    here = server.box.binaries
    with session(server.dsn(), timeout_seconds=SHORT_SECONDS) as connection:
        known = {row[0] for row in connection.execute("SELECT name FROM pg_available_extensions")}
    if missing := [name for name in wanted if name not in known]:
        raise NotMeasurable(
            f"it needs the extension {printable(', '.join(missing))}, which {here.words} does not have; {IMAGE_HELPS}"
        )


def require_last(path: Path, line: bytes, program: str) -> None:
    """psql takes the end of the file for the end of a COPY and exits with 0. Raises RestoreFailed."""
    if not any(_nearly(one, line) for one in last_bytes(path).splitlines()):
        raise RestoreFailed(f"the dump is cut: the line that {program} writes last is not there")


def _nearly(found: bytes, wanted: bytes) -> bool:
    """A comment in which a byte or two are wrong is still the comment: nothing of the data depends on it."""
    wrong = sum(one != other for one, other in zip(found, wanted, strict=False))
    return len(found.rstrip()) == len(wanted) and wrong <= WRONG_BYTES


def last_bytes(path: Path) -> bytes:
    """The end of a file, without the zeros that some media fill up its last block with: psql passes over them."""
    with path.open("rb") as file:
        end = path.stat().st_size
        while end:
            start = max(0, end - LAST_BYTES)
            file.seek(start)
            if found := file.read(end - start).rstrip(b"\0"):
                file.seek(max(0, start + len(found) - LAST_BYTES))
                return file.read(min(LAST_BYTES, start + len(found)))
            end = start
    return b""


def complete_members(path: Path) -> frozenset[str]:
    """The members of a tar archive that are there to their last byte, as far as its headers can be read."""
    size, found = path.stat().st_size, set[str]()
    try:
        with tarfile.open(path, "r:", tarinfo=BoundedInfo) as archive:
            while (member := archive.next()) is not None:
                if member.offset_data + member.size <= size:
                    found.add(member.name)
                archive.members.clear()  # type: ignore[attr-defined]  # it would remember every one; not in the stubs
    except (tarfile.TarError, EOFError):
        pass  # what cannot be read any more is not among them
    return frozenset(found)


def require_whole_archive(path: Path, listing: str) -> None:
    """Raise RestoreFailed where what `pg_restore --list` names is not in the archive: it would look for it for ever."""
    there = complete_members(path)
    for match in WITH_A_MEMBER.finditer(listing):
        if (name := MEMBERS[match["kind"]].format(match["id"])) not in there:
            raise RestoreFailed(f"the archive is damaged or cut: {name} ({match['kind'].lower()}) is not there whole")
