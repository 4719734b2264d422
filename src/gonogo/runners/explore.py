"""Ways to restore one backup, side by side on this host: what each takes, and whether all bring the same.

The backup has been verified before; it is still restored in a box. What a way shows is advice, and no verdict on it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import psycopg

from gonogo.core.errors import NotMeasurable, StackError
from gonogo.core.event import TableDrawn
from gonogo.core.observation import Observation
from gonogo.core.quantity import format_bytes, format_seconds
from gonogo.drills import RestoreFailed
from gonogo.drills.given import BackupKind, physical, ways
from gonogo.drills.given.archive import Archive
from gonogo.drills.given.logical import Dump, helpers
from gonogo.drills.given.staging import Taking
from gonogo.drills.given.ways import PostData, Restoring, Way
from gonogo.drills.pg_dump import MEMORY_PER_INDEX, MEMORY_SHARE, SMALLEST_MEMORY_BYTES
from gonogo.pg import building, bulk, soundness
from gonogo.pg.answers import Question, question_of
from gonogo.pg.building import Needs
from gonogo.pg.fingerprint import Fingerprint, take_fingerprint
from gonogo.runners import explore_report
from gonogo.runners.explore_report import Measured
from gonogo.runners.given import Verifying, dump_taken
from gonogo.runners.given_compare import unlogged_tables
from gonogo.runners.phases import PhaseClock
from gonogo.stacks.local.boxed import MAINTENANCE, BoxedPostgres
from gonogo.stacks.local.contain import Box

SMALLEST_REPLAY_BYTES = 256 * 2**20  # twice the server's default
MOST_BUILDING_SECONDS = 90.0  # for the measurements behind a projection
Restore = Callable[[BoxedPostgres, Measured], str]  # restores, and returns the database
Then = Callable[[BoxedPostgres, str], None]


@dataclass(slots=True, kw_only=True)
class Exploring(Verifying):
    """One exploration on its way, and what it has measured so far."""

    measured: list[Measured] = field(default_factory=list)
    needs: list[Needs] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    question: Question | None = None
    first: Fingerprint | None = None  # what the first way that succeeded brought
    unlogged: frozenset[str] = frozenset()
    database: str = ""  # the one that was restored
    index_bytes: int = 0  # of the largest vector index

    def _draw(self) -> None:
        if self.measured:
            table = explore_report.table(self.measured, self.needs, self.notes, physical=self._files)
            self.recorder.event(TableDrawn(id=self.recorder.item_id, table=table))
        for observation in explore_report.observations(self.measured, self.needs):
            self.observe(observation)

    @property
    def _files(self) -> bool:
        kind = self.request.given.kind
        return kind is not None and kind.physical

    def _restored_and_seen(self, box: Box) -> None:
        given = self.request.given
        self.progress(f"taking in {format_bytes(given.size_bytes)}: {given.sentence}")
        taking = Taking(box=box, limit_bytes=self._limit(), deadline=self.deadline)
        if self._files:
            self._of_files(box, taking)
        else:
            self._of_dump(box, taking)
        done = [one for one in self.measured if not one.failure]
        if not done:
            raise NotMeasurable(f"no way restored it: {self.measured[-1].failure}")
        if len(done) == 1:
            raise NotMeasurable(f"only {done[0].way.name!r} restored it: there is nothing to compare it with")
        self.versions["postgresql"] = self.binaries.version
        differing = tuple(one.way.name for one in done if one.differs)
        detail = f"{len(done)} ways; rows, sequences and definitions of each against those of {done[0].way.name!r}"
        self.observe(Observation(name="ways_differ", value=differing, n=len(done), detail=detail))

    # --- of a dump

    def _of_dump(self, box: Box, taking: Taking) -> None:
        server = BoxedPostgres(box)
        path, kind = dump_taken(self.request.given, server, taking)
        if kind is BackupKind.CLUSTER:
            raise NotMeasurable("the ways of a dump of a whole cluster are not compared: give the dump of one database")
        dump = Dump(path=path, kind=kind, server=server, deadline=self.deadline)
        dump.look()
        script = dump.kind is BackupKind.PLAIN
        later = None if script else ways.post_data(dump)
        restore = partial(self._by_dump, dump, later)
        self._measure(box, ways.first_way(dump.kind), restore)
        vectors = self.question is not None or bool(later and later.vectors)
        rows: list[bulk.Part] = []
        for way in ways.ways_of(dump.kind, self._memory_bytes(), vectors=vectors):
            last_look = partial(self._other_backups, dump, rows) if way.name == "memory" else None
            self._measure(box, way, restore, last_look)
        if rows:
            way = ways.way_of_rows(ways.ways_of(dump.kind, self._memory_bytes(), vectors=vectors)[0])
            self._measure(box, way, partial(self._by_dump, dump, later, rows=rows))
        if (box.folder / "base").is_dir():
            self._measure(box, ways.way_of_files(), partial(self._by_files, box.folder / "base", ours=True))

    def _by_dump(
        self,
        dump: Dump,
        later: PostData | None,
        server: BoxedPostgres,
        measured: Measured,
        rows: list[bulk.Part] | None = None,
    ) -> str:
        server.initialise(self.deadline)
        server.start(self.deadline)
        own = replace(dump, server=server, options=ways.options_of(measured.way))
        own.require_extensions()
        restoring = Restoring(
            dump=own, way=measured.way, later=later, rows=rows or (), seconds=self.deadline.remaining_seconds
        )
        return restoring.run(measured.clock, partial(self._answered, server, measured))

    def _other_backups(self, dump: Dump, rows: list[bulk.Part], server: BoxedPostgres, database: str) -> None:
        """From the restored server: backups of other kinds, and what its index builds need."""
        self.progress("making a base backup and a binary COPY of what was restored")
        own = replace(dump, server=server)
        ways.base_backup(server, server.box.folder / "base", own)
        seconds = self.deadline.remaining_seconds
        with self._session(server, database) as connection:
            if dump.kind is not BackupKind.PLAIN:
                chosen = ways.by_binary_copy(own, bulk.tables(connection))
                folder = self.site.scratch / "rows"
                folder.mkdir(mode=0o700)
                dsn, jobs = server.dsn(database=database), os.cpu_count() or 2
                rows += bulk.copy_out(dsn, chosen, folder, jobs=jobs, timeout_seconds=seconds)[0]
            self.progress("measuring what index builds need")
            for index in soundness.vector_indexes(connection):
                if index.valid and not index.why_not_searched:
                    found = building.needs_of(
                        connection, index, memory_bytes=self._memory_bytes(), workers=int(helpers()),
                        budget_seconds=MOST_BUILDING_SECONDS,
                    )  # fmt: skip
                    self.needs += [found] if found else []

    def _memory_bytes(self) -> int:
        """What the largest vector index needs to be built in memory; never more than a share of this host's."""
        host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MEMORY_SHARE
        return int(max(SMALLEST_MEMORY_BYTES, min(self.index_bytes * MEMORY_PER_INDEX, host)))

    # --- of files

    def _of_files(self, box: Box, taking: Taking) -> None:
        base = box.folder / "base"
        first = BoxedPostgres(box, base.name)
        began = time.monotonic()
        filled = self._filled(first, taking)
        box.own(base)
        kind = self.request.given.kind
        if kind is not None and kind.several:
            seconds = format_seconds(time.monotonic() - began)
            self.notes.append(f"in every way its files have to be brought together before that: {seconds} here")
        physical.require_major(base, self.binaries.major)
        if any(one.is_symlink() for one in (base / physical.TABLESPACES).iterdir()):
            raise NotMeasurable("its tablespaces lie outside of its folder: all ways would write to the same files")
        archive = self._archive(first, taking, filled)
        if archive is not None:
            archive.take()
        for way in ways.ways_of_files(replay_bytes=self._replay_bytes(taking) if archive else 0):
            self._measure(box, way, partial(self._by_files, base, ours=False, archive=archive))

    def _replay_bytes(self, taking: Taking) -> int:
        """Room for every page of it, within a share of this host's memory."""
        host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MEMORY_SHARE
        return int(max(SMALLEST_REPLAY_BYTES, min(taking.written_bytes, host)))

    def _by_files(
        self, base: Path, server: BoxedPostgres, measured: Measured, *, ours: bool, archive: Archive | None = None
    ) -> str:
        clock = measured.clock
        clock.begin(ways.COPY)
        done = server.box.run(["/bin/cp", "-a", str(base), str(server.data)], deadline=self.deadline)
        if done.exit_code:
            raise RestoreFailed(f"copying failed: {done.stderr.strip()}")
        clock.begin(ways.RECOVERY)
        if ours:
            server.start(self.deadline)
        else:
            own = archive.on(server) if archive else None
            physical.start(server, clock, self.deadline, own)
            if own is not None:
                own.seen()  # that replay came to its end
        if self.first is not None and self.database:
            return self.database
        with self._session(server, MAINTENANCE) as connection:
            found = soundness.names(connection, "databases")
        if not found:
            raise RestoreFailed("it holds no database")
        return max(found, key=partial(self._size, server)) if len(found) > 1 else found[0]

    def _size(self, server: BoxedPostgres, database: str) -> int:
        with self._session(server, MAINTENANCE) as connection:
            row = connection.execute("SELECT pg_database_size(%s)", [database]).fetchone()
        return int(row[0]) if row else 0

    # --- one way

    def _measure(self, box: Box, way: Way, restore: Restore, then: Then | None = None) -> None:
        """Restore by one way into a server of its own. That one fails is told, and the next one is measured."""
        self.progress(f"restoring: {way.name}")
        measured = Measured(way=way, clock=PhaseClock(ways.SERVER))
        self.measured.append(measured)
        try:
            with self._server(box, measured) as server:
                self.database = database = restore(server, measured)
                if not way.safe:
                    self._make_durable(server, measured)
                self._served(server, database, measured)
                self._seen(server, database, measured)
                if then is not None:
                    self._then(box, then, server, database)
        except (RestoreFailed, StackError, psycopg.Error) as error:
            if box.stopped:
                raise NotMeasurable(box.stopped) from error
            measured.failure, measured.differs = str(error), measured.full_seconds is not None

    def _then(self, box: Box, then: Then, server: BoxedPostgres, database: str) -> None:
        """What is wanted of a restored server beside its times; without it there is less to compare."""
        try:
            then(server, database)
        except (RestoreFailed, StackError, psycopg.Error, OSError) as error:
            if box.stopped:
                raise NotMeasurable(box.stopped) from error
            self.notes.append(f"not measured: {error}")

    @contextmanager
    def _server(self, box: Box, measured: Measured) -> Iterator[BoxedPostgres]:
        server = BoxedPostgres(box, f"way{len(self.measured)}", measured.way.server)
        try:
            yield server
        finally:
            server.kill()
            shutil.rmtree(server.data, ignore_errors=True)

    def _make_durable(self, server: BoxedPostgres, measured: Measured) -> None:
        """What was written without fsync reaches the disk, and the server starts again with its own settings."""
        measured.clock.begin(ways.DURABLE)
        with self._session(server, MAINTENANCE) as connection:
            connection.execute("CHECKPOINT")
        server.kill()
        done = server.box.tool("initdb", ["--sync-only", f"--pgdata={server.data}"], deadline=self.deadline)
        if done.exit_code:
            raise RestoreFailed(f"initdb --sync-only failed: {done.stderr.strip()}")
        server.settings = {}
        server.start(self.deadline)

    def _answered(self, server: BoxedPostgres, measured: Measured, database: str) -> None:
        """The first correct answer by an exact search, while the index is not there yet."""
        if self.question is None or not self.question.distances:
            return
        with self._session(server, database) as connection:
            if self.question.is_right(self.question.exactly(connection)):
                measured.answered_seconds = measured.clock.elapsed_seconds

    def _served(self, server: BoxedPostgres, database: str, measured: Measured) -> None:
        """An answer by the index ends the restore. Raises RestoreFailed where there is none."""
        measured.clock.begin("answer")
        with self._session(server, database) as connection:
            question = self.question or question_of(connection)
            found = question.by_index(connection) if question else ()
            measured.clock.end()
            if question is not None and not question.distances:
                question = replace(question, distances=question.exactly(connection))
        if question is not None and not question.is_near(found):
            raise RestoreFailed("what the restored index finds is not what is near")
        self.question = question
        measured.full_seconds = measured.clock.total_seconds()
        if measured.answered_seconds is None:
            measured.answered_seconds = measured.full_seconds

    def _seen(self, server: BoxedPostgres, database: str, measured: Measured) -> None:
        """Whether it brought what the first way brought. What recovery empties does not count."""
        with self._session(server, database) as connection:
            found = take_fingerprint(connection)
            if self.first is None:
                self.first, self.unlogged = found, unlogged_tables(connection)
                row = connection.execute(
                    "SELECT coalesce(max(pg_relation_size(i.indexrelid)), 0) FROM pg_index i"
                    " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam WHERE amname = 'hnsw'"
                ).fetchone()
                self.index_bytes = int(row[0]) if row else 0
        kept = [
            replace(one, tables={k: v for k, v in one.tables.items() if k not in self.unlogged})
            for one in (found, self.first)
        ]
        measured.differs = kept[0] != kept[1]
