"""A standby is promoted: the copy that was there all the time takes over, and nothing has to be restored.

The team's own standby stays what it is. A throw-away copy of it follows it until the disaster and is promoted in its
place: what never reached the standby is not in the copy either, and wrong data of the standby are the copy's, too.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gonogo.core.errors import DeadlineExceeded, MissingCapability, NotMeasurable, StackError, StackTimedOut
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.drills import Artefact, Phases, RestoreFailed
from gonogo.drills.pg_basebackup import MANIFEST, BaseBackupParameters, base_backup
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.interfaces import Followable, ScratchRequest

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer

NEEDS = frozenset({Capability.BACKUP_TOOLS, Capability.SQL, Capability.PHYSICAL_RESTORE})
SIGNAL = "standby.signal"
READ_SECONDS = 15.0
FOLLOWING_SECONDS = 30.0
RECEIVED_SECONDS = 15.0
PROMOTION_SECONDS = 60.0
POLL_SECONDS = 0.002
AUTO_CONF = "postgresql.auto.conf"  # comes with the copy, and says of whom the standby was one
OWN_SETTINGS = {"primary_slot_name": "", "recovery_min_apply_delay": "0", "synchronous_standby_names": ""}

# As a failover would choose: the synchronous one first, then the one that is farthest.
STANDBYS = """
SELECT application_name, sync_state IN ('sync', 'quorum') FROM pg_stat_replication WHERE state = 'streaming'
ORDER BY sync_state IN ('sync', 'quorum') DESC, sync_state = 'potential' DESC, replay_lsn DESC
"""
STREAMS = "SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"
# What a failover would find on it. A standby that somebody has promoted goes its own way.
HAS = """
SELECT CASE WHEN pg_is_in_recovery()
  THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), (SELECT written_lsn FROM pg_stat_wal_receiver))
  ELSE pg_current_wal_flush_lsn() END::text,
  CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END
"""
HAS_REACHED = "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) >= %s::text::pg_lsn"


class StandbyPromotedParameters(Spec):
    """Which standby takes over, and how far it may be behind."""

    service: str | None = None  # default: the service of the data layout
    standby: str | None = None  # default: as a failover would choose, a synchronous one first
    behind: Seconds = Field(default=1.0, ge=0)  # an asynchronous one at the disaster; a synchronous one never is


class StandbyPromoted:
    """A drill method."""

    parameters = StandbyPromotedParameters
    needs = NEEDS

    def backup(
        self, context: Context, parameters: StandbyPromotedParameters, source: PostgresServer, folder: Path
    ) -> Artefact:
        """Copy the standby while it works. Raises RestoreFailed where there is none that could be copied."""
        name, synchronous = _chosen(source, parameters.standby)
        standby = source.standbys[name]
        made = base_backup(context, BaseBackupParameters(), standby, folder / "base")
        return replace(made, receiver=name, behind_seconds=0.0 if synchronous else parameters.behind)

    @contextmanager
    def standing(
        self,
        context: Context,
        parameters: StandbyPromotedParameters,
        source: PostgresServer,  # noqa: ARG002 - implements a protocol
        artefact: Artefact,
    ) -> Iterator[tuple[PostgresServer, Artefact]]:
        """The copy, which follows the standby as that follows its primary. Raises RestoreFailed, NotMeasurable."""
        began = time.monotonic()
        standby = standby_of(context, parameters, artefact)
        if not isinstance(standby, Followable):
            raise MissingCapability(f"no throw-away standby can follow {standby.name}")
        member = f"gonogo-drill-{secrets.token_hex(3)}"
        own = {"primary_conninfo": standby.conninfo_for(member), **OWN_SETTINGS}
        request = ScratchRequest(name="standby", fill=partial(_fill, artefact.path, own))
        scratch = context.stack.scratch_postgres(request, context.deadline)
        try:
            copy = scratch.__enter__()
        except StackTimedOut as error:
            raise NotMeasurable(f"whether a copy of {standby.name} starts is not known: {error}") from error
        except StackError as error:
            raise RestoreFailed(f"no server starts from a copy of {standby.name}: {error}") from error
        try:
            _await_following(context, standby, member)
            yield copy, replace(artefact, seconds=artefact.seconds + time.monotonic() - began)
        finally:
            scratch.__exit__(None, None, None)

    def restore(
        self,
        context: Context,
        parameters: StandbyPromotedParameters,
        artefact: Artefact,
        target: PostgresServer,
        phases: Phases,
    ) -> None:
        """Wait until the copy has what the standby had, then promote it. Raises RestoreFailed with the reason."""
        import psycopg  # noqa: PLC0415 - planning need not pay for the driver

        standby = standby_of(context, parameters, artefact)
        lsn, paused = _what_it_has(standby)
        _await_received(context, target, lsn)
        phases.begin("promote")
        try:
            target.promote(context.deadline.within(PROMOTION_SECONDS))
        except DeadlineExceeded as error:
            context.deadline.check("the standby is promoted")
            raise RestoreFailed(f"{standby.name} does not become a primary: {error}") from error
        except psycopg.Error as error:
            raise RestoreFailed(f"{standby.name} cannot be promoted: {error}") from error
        detail = "at the disaster" if paused is not None else "somebody has promoted it before the disaster"
        context.observe(Observation(name="replay_paused", subject=standby.name, value=paused, n=1, detail=detail))

    def artefact_defects(self) -> dict[str, Any]:
        """The ways in which standbys go wrong."""
        from gonogo.drills._standby_defects import DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(DEFECTS)


METHOD = StandbyPromoted()


def standby_of(context: Context, parameters: StandbyPromotedParameters, artefact: Artefact) -> PostgresServer:
    """The standby that the copy stands for."""
    return context.stack.postgres(parameters.service).standbys[artefact.receiver]


def _chosen(source: PostgresServer, wanted: str | None) -> tuple[str, bool]:
    """The standby that takes over, and whether commits wait for it. One that does not stream takes over, if badly."""
    from gonogo.pg.sessions import session  # noqa: PLC0415 - planning need not pay for the driver

    declared: Mapping[str, PostgresServer] = source.standbys
    if not declared:
        raise NotMeasurable(f"no standby of {source.name} can be reached")
    if wanted is not None and wanted not in declared:
        raise NotMeasurable(f"{source.name} has no standby {wanted} (there are: {', '.join(declared)})")
    with session(source.dsn(), timeout_seconds=READ_SECONDS) as connection:
        streaming = {str(name): bool(waited) for name, waited in connection.execute(STANDBYS) if name in declared}
    name = wanted or next(iter(streaming), next(iter(declared)))
    return name, streaming.get(name, False)


def _fill(backup: Path, settings: Mapping[str, str], data: Path) -> None:
    """The copied files, moved, with the order to stay a standby: of the one that was copied, whatever that one was."""
    from gonogo.stacks.local.cluster import as_lines  # noqa: PLC0415 - planning need not pay for the driver

    shutil.move(backup, data)
    with (data / AUTO_CONF).open("a") as file:  # the last line of a setting counts
        file.write(as_lines(settings))
    (data / MANIFEST).unlink(missing_ok=True)
    (data / SIGNAL).touch()


def _await_following(context: Context, standby: PostgresServer, member: str) -> None:
    from gonogo.pg.sessions import session  # noqa: PLC0415 - planning need not pay for the driver

    with session(standby.dsn(database="postgres"), timeout_seconds=READ_SECONDS) as connection:
        try:
            context.deadline.within(FOLLOWING_SECONDS).poll(
                lambda: connection.execute(STREAMS, [member]).fetchone() == (True,),
                every_seconds=POLL_SECONDS,
                what=f"a copy of {standby.name} follows it",
            )
        except DeadlineExceeded as error:
            raise NotMeasurable(str(error)) from error


def _what_it_has(standby: PostgresServer) -> tuple[str | None, bool | None]:
    """How far its log goes, and whether replay is paused (None: it is no standby any more). Raises RestoreFailed."""
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver

    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver

    try:
        with session(standby.dsn(database="postgres"), timeout_seconds=READ_SECONDS) as connection:
            row = connection.execute(HAS).fetchone()
    except psycopg.Error as error:
        raise RestoreFailed(f"{standby.name} does not answer: {' '.join(str(error).split())}") from error
    assert row is not None
    return row[0], row[1]


def _await_received(context: Context, copy: PostgresServer, lsn: str | None) -> None:
    """Until the copy has it: that takes a moment, which no standby needs that is promoted itself."""
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver

    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver

    if lsn is None:
        return
    try:
        with session(copy.dsn(database="postgres"), timeout_seconds=READ_SECONDS) as connection:
            context.deadline.within(RECEIVED_SECONDS).poll(
                lambda: connection.execute(HAS_REACHED, [lsn]).fetchone() == (True,),
                every_seconds=POLL_SECONDS,
                what=f"the standby's copy has its log up to {lsn}",
            )
    except (DeadlineExceeded, psycopg.Error) as error:
        context.deadline.check("the standby's copy has its log")
        raise NotMeasurable(f"the copy did not keep up with the standby: {error}") from error
