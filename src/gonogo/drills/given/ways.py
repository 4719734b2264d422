"""Ways to restore one backup, to be measured side by side: what each sets, what it costs, how production has it."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from psycopg.conninfo import make_conninfo

from gonogo.drills import Phases, RestoreFailed, words
from gonogo.drills.given import BackupKind
from gonogo.drills.given.logical import Dump, helpers, session_options
from gonogo.drills.pg_dump import VECTOR_INDEX, waits_for_one_of
from gonogo.pg import bulk
from gonogo.pg.sessions import session
from gonogo.stacks.local.boxed import BoxedPostgres

MIB = 2**20
SERVER, SCHEMA, DATA, KEYS, INDEX, ANALYZE = "server", "schema", "data", "keys", "vector index", "analyze"
COPY, RECOVERY, DURABLE = "copy", "recovery", "made durable"
TABLE_DATA = re.compile(r"^\d+; \d+ \d+ TABLE DATA (?P<schema>\S+) (?P<name>\S+) \S+$")
UNSAFE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "64GB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way. `session` are settings of the restoring sessions, `server` those of the server until it is handed over.

    `safe`: a crash on the way costs no more than a new beginning, and nothing has to be put right at the end.
    """

    name: str
    production: str
    session: Mapping[str, str] = field(default_factory=dict)
    server: Mapping[str, str] = field(default_factory=dict)
    jobs: int = 1
    index_last: bool = False
    safe: bool = True
    other_backup: bool = False  # it takes another backup than the one that is there


@dataclass(frozen=True, slots=True, kw_only=True)
class PostData:
    """The entries of an archive after its rows: those that build vector indexes, and all others."""

    vectors: tuple[str, ...]
    others: tuple[str, ...]


def first_way(kind: BackupKind) -> Way:
    """The tool as it comes, which every other way is compared with."""
    tool = "psql" if kind is BackupKind.PLAIN else "pg_restore"
    return Way(name="as it comes", production=f"{tool} without a setting or an option")


def ways_of(kind: BackupKind, memory_bytes: int, *, vectors: bool) -> list[Way]:
    """The other ways of a dump, the simplest first. `memory_bytes`: what its largest index build needs."""
    processors = os.cpu_count() or 2
    memory = {
        "maintenance_work_mem": f"{-(-memory_bytes // MIB)}MB",
        "max_parallel_maintenance_workers": helpers(),
    }
    options = " ".join(f"-c {name}={value}" for name, value in memory.items())
    tool = "psql" if kind is BackupKind.PLAIN else "pg_restore"
    tuned = Way(name="memory", production=f'PGOPTIONS="{options}" {tool} …', session=memory)
    found = [tuned]
    if kind in {BackupKind.CUSTOM, BackupKind.DIRECTORY}:
        found.append(
            replace(
                tuned, name="memory, jobs", jobs=processors, server={"max_wal_size": "16GB"},
                production=f'PGOPTIONS="{options}" pg_restore --jobs={processors} … where max_wal_size=16GB',
            )
        )  # fmt: skip
    settings = ", ".join(f"{name}={value}" for name, value in UNSAFE.items())
    found.append(
        replace(
            found[-1], name="no fsync", server=UNSAFE, safe=False,
            production=f"the same on a server that nobody uses yet, with {settings}; then CHECKPOINT, stop, "
            "`initdb --sync-only`, start with its own settings, and a new base backup",
        )
    )  # fmt: skip
    if vectors and kind is not BackupKind.PLAIN:
        found.append(
            replace(
                tuned, name="index last", index_last=True,
                production="pg_restore --use-list without the vector indexes, ANALYZE, let the application in (answers "
                f"are exact and slow), then the indexes, with {options}",
            )
        )  # fmt: skip
    return found


def way_of_rows(tuned: Way) -> Way:
    """Rows by binary COPY, everything else from the dump."""
    jobs = os.cpu_count() or 2
    production = (
        f"a backup of `pg_dump` without rows and `COPY … TO … (FORMAT binary)` in one snapshot, {jobs} at a time"
    )
    return replace(
        tuned, name="binary COPY", production=f"{production}; the vector indexes last", jobs=jobs, index_last=True,
        other_backup=True,
    )  # fmt: skip


def way_of_files() -> Way:
    """The files of the cluster instead of its contents."""
    production = "a backup of pg_basebackup instead of pg_dump: copied, recovered, with the index as it was"
    return Way(name="base backup", production=production, other_backup=True)


def post_data(dump: Dump) -> PostData:
    """What comes after the rows of an archive. Raises RestoreFailed."""
    script = dump.archived(["--section=post-data", "--file=-"]).stdout
    names = {match["name"].strip('"') for match in VECTOR_INDEX.finditer(script)}
    entries = _entries(dump, "post-data")
    vectors = tuple(one for one in entries if waits_for_one_of(one, names))
    return PostData(vectors=vectors, others=tuple(one for one in entries if one not in vectors))


def _entries(dump: Dump, section: str) -> list[str]:
    listed = dump.archived([f"--section={section}", "--list"]).stdout.splitlines()
    return [line for line in listed if line.strip() and not line.startswith(";")]


@dataclass(slots=True, kw_only=True)
class Restoring:
    """A dump on its way into a server, by one way. `rows`: files of a binary COPY that take the place of its rows."""

    dump: Dump
    way: Way
    later: PostData | None  # None: a script, which is run as a whole
    rows: Sequence[bulk.Part] = ()
    seconds: float = 600.0  # the longest that one statement may take

    def run(self, phases: Phases, answers: Callable[[str], None]) -> str:
        """Everything that is in it; returns the database. `answers` is called with it when its answers can be right.

        Raises RestoreFailed, NotMeasurable.
        """
        dump = self.dump
        phases.begin(SCHEMA)
        database = dump.make_room()
        if self.later is None:
            phases.begin(DATA)
            dump.restore(database, _Silent())
            self._analyze(database, phases)
            return database
        creates = dump.spoken.database is not None and dump.kept_locale
        self._section("pre-data", database, ["--create"] if creates else [])
        phases.begin(DATA)
        self._data(database)
        phases.begin(KEYS)
        self._only(self.later.others, "post-data", database)
        if self.way.index_last:
            self._analyze(database, phases)
            answers(database)
        phases.begin(INDEX)
        self._only(self.later.vectors, "post-data", database)
        if not self.way.index_last:
            self._analyze(database, phases)
        return database

    def _data(self, database: str) -> None:
        if not self.rows:
            self._section("data", database)
            return
        copied = {(part.table.schema, part.table.name) for part in self.rows}
        entries = [line for line in _entries(self.dump, "data") if rows_of(line) not in copied]
        self._only(entries, "data", database)
        bulk.copy_in(
            self.dump.server.dsn(database=database), self.rows, jobs=self.way.jobs, timeout_seconds=self.seconds
        )

    def _section(self, name: str, database: str, more: Sequence[str] = ()) -> None:
        into = self.dump.server.database if "--create" in more else database
        jobs = [f"--jobs={self.way.jobs}"] if self.way.jobs > 1 and name != "pre-data" else []
        arguments = [
            "--exit-on-error",
            "--no-tablespaces",
            f"--section={name}",
            *more,
            *jobs,
            f"--dbname={make_conninfo(dbname=into)}",
        ]
        self.dump.archived(arguments)

    def _only(self, entries: Sequence[str], section: str, database: str) -> None:
        if not entries:
            return
        server = self.dump.server
        path = server.box.folder / f"entries-{secrets.token_hex(8)}"  # what runs in there cannot put a link at it
        server.put(path, "\n".join(entries) + "\n")
        self._section(section, database, [f"--use-list={path}"])

    def _analyze(self, database: str, phases: Phases) -> None:
        phases.begin(ANALYZE)
        with session(self.dump.server.dsn(database=database), timeout_seconds=self.seconds) as connection:
            connection.execute("ANALYZE")


class _Silent:
    """No phases of its own."""

    def begin(self, name: str) -> None:
        """Nothing."""


def rows_of(line: str) -> tuple[str, str] | None:
    """The table of which an entry of an archive's list holds the rows; None for every other entry.

    >>> rows_of("3501; 0 16480 TABLE DATA public chunks rag_owner")
    ('public', 'chunks')
    >>> rows_of("3502; 0 0 SEQUENCE SET public chunks_id_seq rag_owner")
    """
    match = TABLE_DATA.match(line)
    return (match["schema"], match["name"]) if match else None


def by_binary_copy(dump: Dump, tables: Sequence[bulk.Table]) -> list[bulk.Table]:
    """Of these tables the ones whose rows are an entry of the dump, and are told from others by their names."""
    there = {rows_of(line) for line in _entries(dump, "data")}
    return [one for one in tables if (one.schema, one.name) in there]


def options_of(way: Way) -> str:
    """The settings of a way's sessions, as PGOPTIONS."""
    return session_options(way.session)


def base_backup(server: BoxedPostgres, target: Path, dump: Dump) -> None:
    """Make one of the restored server, in its box. Raises RestoreFailed."""
    arguments = [f"--pgdata={target}", "--checkpoint=fast", "--no-sync"]
    done = server.client("pg_basebackup", arguments, database="", options="", deadline=dump.deadline)
    if done.exit_code:
        raise RestoreFailed(f"pg_basebackup failed: {words(done)}")


def ways_of_files(*, replay_bytes: int = 0) -> list[Way]:
    """The ways of a base backup: the server goes through all its files before it recovers.

    `replay_bytes`: the memory in which archived WAL could be replayed; 0 where there is none of it.
    """
    off = {"fsync": "off", "full_page_writes": "off"}
    buffers = f"{replay_bytes // MIB}MB"
    replaying = Way(
        name="memory", server={"shared_buffers": buffers},
        production=f"shared_buffers={buffers} while it recovers: pages are replayed in memory",
    )  # fmt: skip
    return [
        Way(name="as it comes", production="a copy of the files, and a server that starts from it"),
        Way(
            name="syncfs", server={"recovery_init_sync_method": "syncfs"},
            production="recovery_init_sync_method=syncfs: one call for the file system instead of one for every file",
        ),
        *([replaying] if replay_bytes else []),
        Way(
            name="no fsync", server=off, safe=False,
            production="fsync=off and full_page_writes=off until it has recovered; then CHECKPOINT, stop, "
            "`initdb --sync-only`, start with its own settings",
        ),
    ]  # fmt: skip
