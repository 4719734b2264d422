"""Point-in-time recovery: a base backup, and the WAL that a receiver elsewhere has taken until the disaster."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gonogo.core.errors import DeadlineExceeded, MissingCapability, NotMeasurable, StackError, StackTimedOut
from gonogo.drills import Artefact, Phases, RestoreFailed, Target
from gonogo.drills.pg_basebackup import (
    NEEDS,
    BaseBackupParameters,
    await_end_of_recovery,
    base_backup,
    restore_files,
)
from gonogo.stacks.interfaces import PostgresServer, WalSending

if TYPE_CHECKING:
    from gonogo.pg.sessions import Connection
    from gonogo.stacks.context import Context

ARCHIVE = "archive"  # below the data directory, from which restore_command runs
BASE = "base"
WAL = "wal"
SIGNAL = "recovery.signal"
RESTORE = f"cp {ARCHIVE}/%f %p 2>/dev/null || cp {ARCHIVE}/%f.partial %p"  # what the receiver had not finished
RECEIVED = "SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = %s AND flush_lsn >= %s::text::pg_lsn"
WRITES_AFTER_SECONDS = 0.2
RECEIVED_SECONDS = 10.0
POLL_SECONDS = 0.01
AIMS: Mapping[str, str] = {
    "time": "SELECT to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS.USOF')",  # whatever the session's DateStyle
    "name": "SELECT '{name}' FROM pg_create_restore_point('{name}')",
    "lsn": "SELECT pg_current_wal_insert_lsn()::text",
    "xid": "SELECT pg_current_xact_id()::xid::text",
}


class PitrParameters(BaseBackupParameters):
    """How the backup is made, and up to what it is recovered."""

    target: Literal["time", "name", "lsn", "xid"] = "time"
    recover_to: Literal["target", "latest", "immediate"] = "target"  # others are what goes wrong
    schedule: str = "wal"  # the entry of `backups` that says how late the WAL is elsewhere


class Pitr:
    """A drill method."""

    parameters = PitrParameters
    needs = NEEDS

    def backup(self, context: Context, parameters: PitrParameters, source: PostgresServer, folder: Path) -> Artefact:
        """Begin to receive WAL, then copy the cluster; the receiver goes on until it is told to stop."""
        if not isinstance(source, WalSending):
            raise MissingCapability(f"WAL of {source.name} cannot be received")
        (folder / WAL).mkdir()
        with ExitStack() as receiving:
            try:
                receiver = receiving.enter_context(source.receive_wal(folder / WAL))
            except StackTimedOut as error:
                raise NotMeasurable(str(error)) from error
            except StackError as error:
                raise RestoreFailed(f"no WAL is received: {error}") from error
            base = base_backup(context, parameters, source, folder / BASE)
            stop = receiving.pop_all().close
        return replace(base, path=folder, stop=stop, receiver=receiver)

    def aim(self, context: Context, parameters: PitrParameters, source: PostgresServer, artefact: Artefact) -> Artefact:
        """Choose now as the point to recover to, in whatever terms the team would name it.

        Whoever recovers to a moment does it later: the WAL of some writes after it is waited for, as long as a receiver
        that works may take. Without it recovery cannot tell that the moment was reached.
        """
        from gonogo.pg.sessions import session  # noqa: PLC0415 - planning need not pay for the driver

        statement = AIMS[parameters.target].format(name=f"gonogo {context.run.run_id}")
        with session(source.dsn(database="postgres")) as connection:
            before = time.monotonic()
            row = connection.execute(statement.encode()).fetchone()
            after = time.monotonic()
            context.deadline.sleep(WRITES_AFTER_SECONDS)
            # Recovery ends at a moment when it meets a later commit; the writers may have been kept waiting since.
            connection.execute("SELECT pg_logical_emit_message(true, 'gonogo', '')")
            _await_received(context, connection, artefact.receiver)
        assert row is not None
        return replace(artefact, target=Target(kind=parameters.target, value=str(row[0]), before=before, after=after))

    def to_the_end(self, parameters: PitrParameters) -> PitrParameters:
        """Everything that was received."""
        return parameters.model_copy(update={"recover_to": "latest"})

    def fill(
        self, context: Context, parameters: PitrParameters, artefact: Artefact, data: Path, phases: Phases
    ) -> None:
        """The base backup, then the received WAL beside it, then the order to recover. Raises RestoreFailed."""
        restore_files(context, parameters, artefact.path / BASE, data, phases)
        phases.begin("fetch WAL")
        shutil.copytree(artefact.path / WAL, data / ARCHIVE)
        (data / SIGNAL).touch()

    def settings(self, parameters: PitrParameters, artefact: Artefact) -> Mapping[str, str]:
        """Of the server that recovers."""
        aimed = {"restore_command": RESTORE, "recovery_target_action": "promote"}
        match parameters.recover_to:
            case "latest":
                return aimed
            case "immediate":
                return {**aimed, "recovery_target": "immediate"}
        assert artefact.target is not None
        return {**aimed, f"recovery_target_{artefact.target.kind}": artefact.target.value}

    def restore(
        self,
        context: Context,
        parameters: PitrParameters,  # noqa: ARG002 - implements a protocol
        artefact: Artefact,  # noqa: ARG002 - implements a protocol
        target: PostgresServer,
        phases: Phases,  # noqa: ARG002 - implements a protocol
    ) -> None:
        """The server was started: wait until it has reached its target and was promoted. Raises RestoreFailed."""
        await_end_of_recovery(context, target)

    def artefact_defects(self) -> dict[str, Callable[[Context, Artefact, Any], Artefact]]:
        """The ways to break an archive."""
        from gonogo.drills._pitr_defects import DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(DEFECTS)


METHOD = Pitr()


def _await_received(context: Context, connection: Connection, receiver: str) -> None:
    """Until the receiver has what was written by now; one that takes too long has died, which the restore will show."""
    written = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
    assert written is not None
    limit = context.deadline.within(RECEIVED_SECONDS)
    with suppress(DeadlineExceeded):
        limit.poll(
            lambda: connection.execute(RECEIVED, [receiver, written[0]]).fetchone() == (True,),
            every_seconds=POLL_SECONDS,
            what=f"{receiver} has received the WAL",
        )
    context.deadline.check("the WAL is received")
