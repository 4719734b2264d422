"""How a backup that somebody else made is verified: taken into a box, restored there, looked at, compared.

Everything that the backup can turn against us runs contained (`stacks.local.contain`). What stops it there, or is
not to be had here, is no verdict on the backup: NotMeasurable. What the restore itself shows is a finding.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable, UsageError
from gonogo.core.event import ItemProgressed, ObservationMade, TimelineDrawn
from gonogo.core.observation import Observation
from gonogo.core.quantity import format_bytes
from gonogo.drills import RestoreFailed, printable
from gonogo.drills.given import LACKING, Asked, BackupKind, Given, barman, chain, made, pgbackrest, physical
from gonogo.drills.given.archive import Archive
from gonogo.drills.given.cluster import ClusterDump
from gonogo.drills.given.filling import Filled, Filling
from gonogo.drills.given.logical import Dump
from gonogo.drills.given.made import Made
from gonogo.drills.given.recognise import HEAD_BYTES, found, kind_of, recognise
from gonogo.drills.given.remote import Remote, download
from gonogo.drills.given.staging import Taking
from gonogo.pg.portrait import Portrait
from gonogo.pg.sessions import Connection, session
from gonogo.pg.soundness import names
from gonogo.rundir.directory import Recorder
from gonogo.runners import given_report as report
from gonogo.runners.baseline import without_time_limits
from gonogo.runners.given_compare import Carried, carried_by, unlogged_tables
from gonogo.runners.phases import PhaseClock
from gonogo.stacks.local.binaries import Binaries
from gonogo.stacks.local.boxed import BoxedPostgres
from gonogo.stacks.local.contain import Box
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.watch import RESERVE_BYTES, space_watched

FILLS: dict[BackupKind, Callable[[Filling], Filled]] = {
    BackupKind.BASE: physical.fill,
    BackupKind.BASE_TAR: physical.fill,
    BackupKind.CHAIN: chain.fill,
    BackupKind.PGBACKREST: pgbackrest.fill,
    BackupKind.BARMAN: barman.fill,
}
NO_RESOURCES = "53"  # memory, connections, and whatever else a server may run out of
OUR_MISTAKE = "42"  # a statement of ours that is wrong says nothing of the backup
FIRST_BYTES, RATIO = 2 * 2**30, 100  # what may be written by default: an empty server, and a hundred times the backup


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked: verify `given`, against `reference` where there is one. What is `remote` is downloaded first.

    `image`: whose PostgreSQL restores it, by a name for the Docker engine.
    """

    given: Given
    remote: Remote | None = None
    asked: Asked = field(default_factory=Asked)
    reference: Portrait | None = None
    limit_bytes: int | None = None  # of everything that is written
    trust: bool = False  # run it also where it cannot be contained
    empty_cluster: Path | None = None  # made before, of the same version, to restore dumps into
    image: str | None = None


@dataclass(slots=True, kw_only=True)
class Verifying:
    """One verification on its way, and what became known of the backup."""

    request: Request
    recorder: Recorder
    deadline: Deadline
    site: Site
    binaries: Binaries
    clock: PhaseClock = field(default_factory=lambda: PhaseClock("provision"))
    digest: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    size_bytes: int | None = None

    def observe(self, observation: Observation) -> None:
        """Record one observation. Names in it may be anybody's."""
        value = observation.value
        if isinstance(value, tuple):
            value = tuple(printable(one) for one in value)
        shown = replace(
            observation, value=value, subject=printable(observation.subject), detail=printable(observation.detail)
        )
        self.recorder.event(ObservationMade(id=self.recorder.item_id, observation=shown))

    def progress(self, message: str) -> None:
        """Tell people what goes on."""
        self.recorder.event(ItemProgressed(id=self.recorder.item_id, message=printable(message)))

    def run(self) -> None:
        """Verify it, and record what it showed. Raises NotMeasurable."""
        if self.request.remote is not None:
            self._download(self.request.remote)
        if self.request.given.unsupported:
            raise NotMeasurable(self.request.given.unsupported)
        box = Box(site=self.site, binaries=self.binaries)
        self._require_containment(box)
        try:
            with space_watched(self.site.scratch, self._limit(), box.stop), failing(box):
                self._restored_and_seen(box)
        except RestoreFailed as error:
            if box.stopped:
                raise NotMeasurable(box.stopped) from error
            self.observe(Observation(name="restored", value=False, n=1, detail=str(error)))
        finally:
            box.close()
            self._draw()

    def _download(self, remote: Remote) -> None:
        """Into the run's folder; from then on it is a file like any other."""
        self.progress(f"downloading {remote.shown}")
        folder = self.site.run.scratch / "download"
        folder.mkdir(mode=0o700)
        free = shutil.disk_usage(folder).free - RESERVE_BYTES
        download(
            remote, folder / remote.name, min(free, self.request.limit_bytes or free), self.deadline, self.progress
        )
        try:
            given = recognise(folder / remote.name)
        except UsageError as error:
            said = str(error).replace(str(folder / remote.name), remote.shown)
            raise NotMeasurable(f"what was downloaded cannot be verified: {said}") from None
        self.request = replace(self.request, given=given, remote=None)
        self.clock.begin("provision")

    def _draw(self) -> None:
        drawn = report.timeline(self.clock, self.recorder.elapsed_s)
        self.recorder.event(TimelineDrawn(id=self.recorder.item_id, timeline=drawn))

    def _require_containment(self, box: Box) -> None:
        if box.why_not is None:
            detail = "in namespaces of its own: no network, nothing of this host but programs, no way to another user"
            self.observe(Observation(name="contained", value=True, n=1, detail=detail))
            return
        if not self.request.trust:
            raise NotMeasurable(
                f"a backup can run code, and what restores it cannot be contained here: {box.why_not}; "
                "whoever trusts the backup says --trust-artefact"
            )
        self.observe(Observation(name="contained", value=False, n=1, detail=f"trusted: {box.why_not}"))

    def _limit(self) -> int:
        """How much may be written. Raises NotMeasurable where there is not even room for a copy."""
        free = shutil.disk_usage(self.site.scratch).free - RESERVE_BYTES
        size = self.request.given.size_bytes
        if free < size:
            raise NotMeasurable(
                f"a copy needs {format_bytes(size)} below {self.site.scratch}, {format_bytes(free)} are free"
            )
        return min(free, self.request.limit_bytes or FIRST_BYTES + RATIO * size)

    def _restored_and_seen(self, box: Box) -> None:
        given, server = self.request.given, BoxedPostgres(box)
        self.progress(f"taking in {format_bytes(given.size_bytes)}: {given.sentence}")
        self.clock.begin("fetch")
        taking = Taking(box=box, limit_bytes=self._limit(), deadline=self.deadline)
        if given.kind is not None and given.kind.physical:
            carried, databases = self._physical(server, taking)
        else:
            carried, databases = self._logical(server, taking)
        server.prove_quiet()
        self.clock.end()
        for observation in report.restore_times(self.clock, given):
            self.observe(observation)
        self.progress("looking at what was restored")
        self._verify(server, databases, carried)

    def _physical(self, server: BoxedPostgres, taking: Taking) -> tuple[Carried, list[str]]:
        filled = self._filled(server, taking)
        self.digest = taking.digest.hexdigest()
        server.box.own(server.data)
        archive = self._archive(server, taking, filled)
        self.clock.begin("pre-check")
        told = made.of_files(server.data)
        self._observe_age(told.until_now() if told and archive else told)
        major = physical.require_major(server.data, self.binaries.major)
        if archive is not None:
            archive.take()
            self.digest = taking.digest.hexdigest()
        verified = filled.verified or physical.verify(
            server, self.deadline, server.data, archive.instead if archive else None
        )
        self.observe(Observation(name="files_verified", value=verified.value, n=1, detail=verified.detail))
        if verified.value is False:
            raise RestoreFailed(verified.detail)
        self.progress("starting a server from it")
        physical.start(server, self.clock, self.deadline, archive)
        if archive is not None:
            self.observe(Observation(name="wal_used", value=archive.seen(), n=len(archive.way.pieces)))
        with self._session(server, server.database) as connection:
            return carried_by(self.request, major=major), list(names(connection, "databases"))

    def _observe_age(self, told: Made | None) -> None:
        told = told or made.of_last_change(self.request.given.path)
        if found := told.age(datetime.now(UTC), self.request.asked.max_age_s):
            self.observe(found)

    def _archive(self, server: BoxedPostgres, taking: Taking, filled: Filled) -> Archive | None:
        asked, files = self.request.asked, filled.wal
        if asked.wal is not None:
            files = _files_in(asked.wal.resolve())
        if files is None:
            return None
        folder = server.box.folder / "wal"
        return Archive(filling=self._filling(server, taking), files=files, folder=folder, target=asked.target)

    def _filling(self, server: BoxedPostgres, taking: Taking) -> Filling:
        return Filling(
            given=self.request.given, asked=self.request.asked, taking=taking, server=server, deadline=self.deadline,
            phases=self.clock,
        )  # fmt: skip

    def _filled(self, server: BoxedPostgres, taking: Taking) -> Filled:
        kind = self.request.given.kind
        assert kind is not None
        filled = FILLS[kind](self._filling(server, taking))
        if filled.said:
            self.observe(Observation(name="backup_used", value=filled.said, n=1))
        return filled

    def _logical(self, server: BoxedPostgres, taking: Taking) -> tuple[Carried, list[str]]:
        path, kind = dump_taken(self.request.given, server, taking)
        self.digest = taking.digest.hexdigest()
        self.clock.begin("pre-check")
        restored = self._cluster(server, path) if kind is BackupKind.CLUSTER else self._dump(server, path, kind)
        self.clock.begin("analyze")
        for database in restored[1]:
            with self._session(server, database) as connection:
                connection.execute("ANALYZE")
        return restored

    def _reference_major(self) -> int | None:
        return self.request.reference.major if self.request.reference is not None else None

    def _dump(self, server: BoxedPostgres, path: Path, kind: BackupKind) -> tuple[Carried, list[str]]:
        dump = Dump(
            path=path, kind=kind, server=server, deadline=self.deadline, reference_major=self._reference_major()
        )
        dump.look()
        self.observe(report.named_roles(dump.spoken))
        self._observe_age(dump.spoken.made)
        self.clock.begin("server")
        server.initialise(self.deadline, empty=self.request.empty_cluster)
        server.start(self.deadline)
        dump.require_extensions()
        database = dump.make_room()
        self.progress(f"restoring database {database}")
        dump.restore(database, self.clock)
        return carried_by(self.request, dump=dump, major=self.binaries.major), [database]

    def _cluster(self, server: BoxedPostgres, path: Path) -> tuple[Carried, list[str]]:
        dump = ClusterDump(path=path, server=server, deadline=self.deadline, reference_major=self._reference_major())
        dump.look()
        self._observe_age(dump.spoken.made)
        self.clock.begin("server")
        server.initialise(self.deadline, dump.spoken.first_role)
        server.start(self.deadline)
        dump.require_extensions()
        self.progress(f"restoring {dump.spoken.begun} databases and {len(dump.spoken.roles)} roles")
        dump.restore(self.clock)
        with self._session(server, server.database) as connection:
            databases = list(names(connection, "databases"))
        return carried_by(self.request, dump=dump, major=self.binaries.major), databases

    @contextmanager
    def _session(self, server: BoxedPostgres, database: str) -> Iterator[Connection]:
        self.deadline.check("the restored database is read")
        with session(server.dsn(database=database), timeout_seconds=self.deadline.remaining_seconds) as connection:
            without_time_limits(connection)
            yield connection

    def _verify(self, server: BoxedPostgres, databases: list[str], carried: Carried) -> None:
        """Look at every database; one thing after the other, so that what is seen is kept whatever comes later."""
        reference = self.request.reference
        if not databases or (
            reference is not None and carried.database_is_known and reference.database not in databases
        ):
            wanted = reference.database if reference else "any"
            raise RestoreFailed(f"it does not hold database {wanted}: it holds {', '.join(databases) or 'none'}")
        self.versions["postgresql"] = self.binaries.version
        rows, unlogged = 0, False
        for database in databases:
            compared = reference is not None and (len(databases) == 1 or reference.database == database)
            subject = database if len(databases) > 1 else ""
            with self._session(server, database) as connection:
                report.require_extensions(connection, self.binaries)
                after = report.read_everything(connection, reference if compared else None)
                rows += after.rows
                self.size_bytes = (self.size_bytes or 0) + report.size_of(connection)
                evidence = self.recorder.artifact(f"facts_{database.encode().hex()[:40]}.json", report.as_text(after))
                if compared and reference is not None:
                    unlogged = bool(unlogged_tables(connection))
                    for observation in carried.compared(reference, after, connection, evidence):
                        self.observe(observation)
                for observation in report.sound(connection, after, subject):
                    self.observe(observation)
            remaining = self.deadline.remaining_seconds
            self.observe(report.pages(server.dsn(database=database), subject, remaining))
        self.observe(report.restored(databases, rows))
        self.observe(Observation(name="rows", value=rows, unit="count", n=len(databases)))
        others = [one for one in databases if reference and len(databases) > 1 and one != reference.database]
        self.observe(carried.not_compared(unlogged=unlogged, others=others))


def dump_taken(given: Given, server: BoxedPostgres, taking: Taking) -> tuple[Path, BackupKind]:
    """Copy a dump into the server's box: where it is there, and of which kind. Raises RestoreFailed, NotMeasurable."""
    path = server.box.folder / "backup"
    if given.path.is_dir():
        taking.folder(given.path, path)
    else:
        taking.file(given.path, path, given.compression)
    server.box.own(path)
    return path, given.kind or _kind_inside(path)


def _kind_inside(path: Path) -> BackupKind:
    """What a file is that had to be decompressed first. Raises RestoreFailed, NotMeasurable."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind, unsupported = kind_of(head)
    if kind is None:
        raise (NotMeasurable(unsupported) if unsupported else RestoreFailed(f"decompressed, {found(head)}"))
    return kind


@contextmanager
def failing(box: Box) -> Iterator[None]:
    """What the server refuses or cannot read is a finding, unless it was stopped, lacks a program, or had no more time.

    Raises RestoreFailed, NotMeasurable.
    """
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise NotMeasurable("time limit reached: the restored database is read") from error
    except psycopg.errors.UndefinedFile as error:
        raise NotMeasurable(f"a library of an extension is not here: {printable(str(error))}") from error
    except psycopg.errors.DiskFull as error:
        raise NotMeasurable(f"the disk is full: {error}") from error
    except psycopg.Error as error:
        if box.stopped:
            raise NotMeasurable(box.stopped) from error
        if (error.sqlstate or "").startswith(NO_RESOURCES):
            raise NotMeasurable(f"the server here lacks resources to read it: {printable(str(error))}") from error
        if not isinstance(error, psycopg.OperationalError) and (error.sqlstate or OUR_MISTAKE).startswith(OUR_MISTAKE):
            raise
        if LACKING.search(str(error)):
            raise NotMeasurable(f"the restored database needs what is not here: {printable(str(error))}") from error
        raise RestoreFailed(f"what was restored cannot be read: {error}") from error


def _files_in(folder: Path) -> dict[str, Path]:
    """By their names. Raises NotMeasurable."""
    try:
        return {one.name: one for one in folder.iterdir()}
    except OSError as error:
        raise NotMeasurable(f"{folder} cannot be read: {error.strerror}") from error
