"""Physical backup: pg_basebackup with the WAL that makes it consistent, verified against its manifest, then started."""

from __future__ import annotations

import shutil
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gonogo.core.errors import DeadlineExceeded, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.drills import Artefact, Phases, RestoreFailed, words
from gonogo.spec.base import Spec

if TYPE_CHECKING:
    from gonogo.pg.sessions import Connection
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer

NEEDS = frozenset({Capability.BACKUP_TOOLS, Capability.SQL, Capability.PHYSICAL_RESTORE})
MANIFEST = "backup_manifest"
WAL = "pg_wal"
RECOVERY_SECONDS = 60.0
ENDING_SECONDS = 5.0
POLL_SECONDS = 0.002
PRIVATE = 0o700


class BaseBackupParameters(Spec):
    """How the base backup is made and restored, as the team does it."""

    format: Literal["plain", "tar"] = "plain"
    compression: str = "none"  # of tar: gzip or gzip:LEVEL; vectors hardly shrink
    checkpoint: Literal["fast", "spread"] = "fast"
    verify: bool = True  # pg_verifybackup on what was restored; without it a damaged file may start and answer
    service: str | None = None  # default: the service of the data layout


class PgBasebackupParameters(BaseBackupParameters):
    """How the backup is made and restored, as the team does it."""

    schedule: str = "base_backup"  # the entry of `backups` that says how often it is really made


class PgBasebackup:
    """A drill method."""

    parameters = PgBasebackupParameters
    needs = NEEDS

    def backup(
        self, context: Context, parameters: PgBasebackupParameters, source: PostgresServer, folder: Path
    ) -> Artefact:
        """Copy the cluster while it works. Raises RestoreFailed when there is no backup."""
        return base_backup(context, parameters, source, folder / "base")

    def fill(
        self, context: Context, parameters: PgBasebackupParameters, artefact: Artefact, data: Path, phases: Phases
    ) -> None:
        """Copy or unpack the backup, verified. Raises RestoreFailed."""
        restore_files(context, parameters, artefact.path, data, phases)

    def settings(
        self,
        parameters: PgBasebackupParameters,  # noqa: ARG002 - implements a protocol
        artefact: Artefact,  # noqa: ARG002 - implements a protocol
    ) -> Mapping[str, str]:
        """Nothing: the backup brings the WAL that it needs."""
        return {}

    def restore(
        self,
        context: Context,
        parameters: PgBasebackupParameters,  # noqa: ARG002 - implements a protocol
        artefact: Artefact,  # noqa: ARG002 - implements a protocol
        target: PostgresServer,
        phases: Phases,  # noqa: ARG002 - implements a protocol
    ) -> None:
        """The server was started from the files: wait until its recovery has ended. Raises RestoreFailed."""
        await_end_of_recovery(context, target)

    def artefact_defects(self) -> dict[str, Any]:
        """The ways to break a base backup."""
        from gonogo.drills._pg_basebackup_defects import DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(DEFECTS)


METHOD = PgBasebackup()


def base_backup(
    context: Context,
    parameters: BaseBackupParameters,
    source: PostgresServer,
    folder: Path,
    extra: Sequence[str] = (),
) -> Artefact:
    """Run pg_basebackup into a folder that is not there yet. Raises RestoreFailed."""
    arguments = [
        f"--pgdata={folder}", f"--format={parameters.format}", f"--checkpoint={parameters.checkpoint}",
        "--wal-method=stream", f"--label=gonogo {context.run.run_id}", *extra,
    ]  # fmt: skip
    if parameters.format == "tar" and parameters.compression != "none":
        arguments.append(f"--compress=client-{parameters.compression}")
    covers_until = time.monotonic()  # what was committed by now is in it; what follows may be
    result = source.tool("pg_basebackup", arguments, deadline=context.deadline)
    context.recorder.artifact("pg_basebackup.log", result.stderr)
    if result.exit_code:
        raise RestoreFailed(f"pg_basebackup failed: {words(result)}")
    return Artefact(path=folder, size_bytes=size_of(folder), seconds=result.seconds, covers_until=covers_until)


def restore_files(context: Context, parameters: BaseBackupParameters, backup: Path, data: Path, phases: Phases) -> None:
    """Copy or unpack a backup, then verify the copy: so the copying is verified too. Raises RestoreFailed."""
    phases.begin("copy")
    try:
        unpack(backup, data)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise RestoreFailed(f"the backup cannot be unpacked: {error}") from error
    if parameters.verify:
        phases.begin("verify")
        _verify(context, parameters, data)
    (data / MANIFEST).unlink(missing_ok=True)


def await_end_of_recovery(context: Context, target: PostgresServer) -> None:
    """Return when the server takes writes.

    Raises RestoreFailed when it ends or waits for somebody, DeadlineExceeded when it is still at it.
    """
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver

    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver

    limit = context.deadline.within(RECOVERY_SECONDS)
    try:
        with session(target.dsn(database="postgres"), timeout_seconds=RECOVERY_SECONDS) as connection:
            limit.poll(
                lambda: _takes_writes(connection),
                every_seconds=POLL_SECONDS,
                what="the restored server is still in recovery",
            )
    except psycopg.OperationalError as error:
        _see_whether_it_ended(context, target)
        raise NotMeasurable(f"the restored server does not say whether it is in recovery: {error}") from error


def _takes_writes(connection: Connection) -> bool:
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver

    if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
        return True
    with suppress(psycopg.errors.ObjectNotInPrerequisiteState):  # recovery has ended since
        if connection.execute("SELECT pg_is_wal_replay_paused()").fetchone() == (True,):
            raise RestoreFailed("the restored server stays in recovery: it is paused and waits for a promotion")
    return False


def _see_whether_it_ended(context: Context, target: PostgresServer) -> None:
    """Raise RestoreFailed where the server that closed the session is about to end: its target is not in the WAL."""
    from gonogo.stacks.sqlserver import complaint  # noqa: PLC0415 - needs the driver

    with suppress(DeadlineExceeded):
        context.deadline.within(ENDING_SECONDS).poll(
            lambda: not target.is_running(), every_seconds=POLL_SECONDS, what="the restored server ends"
        )
        raise RestoreFailed(f"the restored server ended in its recovery: {complaint(target.log_tail())}")


def unpack(backup: Path, data: Path) -> None:
    """A plain backup copied, or the archives of a tar backup extracted, into a new data directory.

    Archives with links are refused, tablespaces among them. Raises OSError, TarError.
    """
    archives = list(archives_of(backup))
    if not archives:
        shutil.copytree(backup, data, symlinks=True)
    else:
        data.mkdir()
        for archive, where in archives:
            _extract(archive, data / where)
        shutil.copy2(backup / MANIFEST, data / MANIFEST)
    data.chmod(PRIVATE)


def _extract(archive: Path, target: Path) -> None:
    """Files and folders below the target and nothing else; Python before 3.11.4 has no filter that would see to it."""
    with tarfile.open(archive) as opened:
        opened.extraction_filter = lambda member, _: member  # checked here
        for member in opened:
            inside = (target / member.name).resolve().is_relative_to(target.resolve())
            if not inside or not (member.isfile() or member.isdir()):
                raise tarfile.TarError(f"{archive.name} holds {member.name}, which is no file or folder inside it")
            opened.extract(member, target, set_attrs=False)


def archives_of(backup: Path) -> Iterator[tuple[Path, str]]:
    """The tar archives of a backup and where below the data directory each belongs."""
    for name, where in (("base", "."), ("pg_wal", WAL)):
        yield from ((path, where) for path in sorted(backup.glob(f"{name}.tar*")))


def size_of(folder: Path) -> int:
    """Of all files below a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _verify(context: Context, parameters: BaseBackupParameters, data: Path) -> None:
    """pg_verifybackup over every file and the WAL. Raises RestoreFailed with what it found."""
    if not (data / MANIFEST).is_file():
        raise RestoreFailed("the backup has no manifest: nobody can tell whether its files are whole")
    source = context.stack.postgres(parameters.service)  # its programs; nothing is asked of the server
    result = source.tool("pg_verifybackup", [str(data)], deadline=context.deadline)
    if result.exit_code:
        raise RestoreFailed(f"pg_verifybackup: {words(result)}")
