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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, NotMeasurable, StackError, StackTimedOut
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.drills import Artefact, Phases, RestoreFailed
from gonogo.drills.pg_basebackup import MANIFEST, BaseBackupParameters, await_end_of_recovery, base_backup
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.interfaces import Followable, ScratchRequest

if TYPE_CHECKING:
    from gonogo.pg.sessions import Connection
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer

NEEDS = frozenset({Capability.BACKUP_TOOLS, Capability.SQL, Capability.PHYSICAL_RESTORE})
SIGNAL = "standby.signal"
READ_SECONDS = 15.0
FOLLOWING_SECONDS = 30.0
RECEIVED_SECONDS = 15.0
POLL_SECONDS = 0.002
PARTING_POLL_SECONDS = 0.0005
FOR_LONG = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
AUTO_CONF = "postgresql.auto.conf"  # comes with the copy, and says of whom the standby was one
OWN_SETTINGS = {"primary_slot_name": "", "recovery_min_apply_delay": "0", "synchronous_standby_names": ""}

# As a failover would choose: the synchronous one first, then the one that is farthest. And whether commits wait for it.
STANDBYS = """
SELECT application_name,
  sync_state IN ('sync', 'quorum') AND current_setting('synchronous_commit') NOT IN ('off', 'local')
FROM pg_stat_replication WHERE state = 'streaming'
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
            raise NotMeasurable(f"no throw-away standby can follow {standby.name}")
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
            with _opened(standby, copy) as pair:
                took = artefact.seconds + time.monotonic() - began
                yield copy, replace(artefact, seconds=took, stop=pair.part, own=pair)
        finally:
            scratch.__exit__(None, None, None)

    def restore(
        self,
        context: Context,
        parameters: StandbyPromotedParameters,  # noqa: ARG002 - implements a protocol
        artefact: Artefact,
        target: PostgresServer,
        phases: Phases,  # noqa: ARG002 - implements a protocol
    ) -> None:
        """Its promotion was ordered at the disaster: wait for its end. Raises RestoreFailed, NotMeasurable."""
        pair = artefact.own
        assert isinstance(pair, Pair)
        if pair.failure:
            raise RestoreFailed(pair.failure)
        if pair.doubt:
            raise NotMeasurable(pair.doubt)
        await_end_of_recovery(context, target)
        words = f"at the disaster; its copy had the same log {pair.seconds * 1000:.1f} ms later"
        detail = "somebody has promoted it before the disaster" if pair.paused is None else words
        context.observe(
            Observation(name="replay_paused", subject=pair.standby.name, value=pair.paused, n=1, detail=detail)
        )

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


@dataclass(slots=True, kw_only=True)
class Pair:
    """A standby and its copy, each with a session: to open one takes as long as a network may hide."""

    standby: PostgresServer
    to_standby: Connection
    to_copy: Connection
    parted: bool = False
    failure: str = ""  # of the standby
    doubt: str = ""  # about the copy
    paused: bool | None = None  # None: it was no standby any more
    seconds: float = 0.0  # until the copy had what the standby had

    def part(self) -> None:
        """The copy has what the standby has at this moment, and is promoted. Never raises; once."""
        import psycopg  # noqa: PLC0415 - planning need not pay for the driver

        if self.parted:
            return
        self.parted = True
        began = time.monotonic()
        try:
            lsn, self.paused = self.to_standby.execute(HAS).fetchone() or (None, None)
        except psycopg.Error as error:
            self.failure = f"{self.standby.name} does not answer: {' '.join(str(error).split())}"
            return
        limit = Deadline.after(RECEIVED_SECONDS)
        try:
            while lsn is not None and self.to_copy.execute(HAS_REACHED, [lsn]).fetchone() != (True,):
                limit.check(f"the copy of {self.standby.name} has its log up to {lsn}")
                limit.sleep(PARTING_POLL_SECONDS)
            self.to_copy.execute("SELECT pg_promote(wait => false)")
        except (DeadlineExceeded, psycopg.Error) as error:
            self.doubt = f"the copy did not keep up with the standby: {error}"
        self.seconds = time.monotonic() - began


@contextmanager
def _opened(standby: PostgresServer, copy: PostgresServer) -> Iterator[Pair]:
    from gonogo.pg.sessions import session  # noqa: PLC0415 - planning need not pay for the driver

    with (
        session(standby.dsn(database="postgres"), timeout_seconds=READ_SECONDS) as to_standby,
        session(copy.dsn(database="postgres"), timeout_seconds=READ_SECONDS) as to_copy,
    ):
        for connection in (to_standby, to_copy):
            connection.execute(FOR_LONG)
        yield Pair(standby=standby, to_standby=to_standby, to_copy=to_copy)
