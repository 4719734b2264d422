"""The primary's whole process tree dies at once; its standby is promoted, as a failover manager would do it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gonogo.core.errors import GonogoError, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.faults import FaultDidNotHeal, FaultDidNotLand, FaultParameters, Injected
from gonogo.faults._base import healed_on_error, record_intent, server_of
from gonogo.spec.base import Seconds

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import KillProof, PostgresServer

NAME = "primary_killed"
SESSION_SECONDS = 10.0
PROMOTION_SECONDS = 30.0
REFUSED_SECONDS = 2.0

# The synchronous one first: only that one is known to hold everything that was acknowledged.
STANDBYS = """
SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'
ORDER BY sync_state IN ('sync', 'quorum') DESC, sync_state = 'potential' DESC, replay_lsn DESC
"""
# Processes that live as long as the server: a kill that leaves any of them has not killed the server.
LASTING = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type IN ('checkpointer', 'background writer', 'walwriter', 'walsender', 'logical replication launcher')
"""
STREAMS = "SELECT count(*) FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"
WRITABLE = "SELECT NOT pg_is_in_recovery()"


class PrimaryKilledParameters(FaultParameters):
    """`promotion_delay`: how long the failover manager takes to notice and decide."""

    service: str | None = None  # default the data service
    then: Literal["promote"] = "promote"
    promotion_delay: Seconds = 0.0


class PrimaryKilled:
    """A kind of fault."""

    parameters = PrimaryKilledParameters
    needs = frozenset({Capability.SQL, Capability.FAILOVER})

    def inject(self, context: Context, parameters: Any) -> Injected:
        """Kill the primary, prove that all of it is gone, then promote: never the other way round.

        What gonogo did not start fails over by the command of its stack file.
        """
        from gonogo.faults._hooked import hooks_of, inject_failover  # noqa: PLC0415 - needs the driver

        if hooks_of(context) is not None:
            return inject_failover(context, parameters.service, lambda data: record_intent(context, NAME, data))
        primary = server_of(context, parameters.service)
        standby = _standby_of(primary)
        lasting = _scalar(primary, LASTING)
        data = {"service": primary.name, "promoted": standby.name}
        killed = Killed(primary=primary, standby=standby, record=record_intent(context, NAME, data))
        with healed_on_error(killed, context):
            proof = primary.kill()
            killed.injected_at = proof.killed_at
            _prove_gone(primary, proof, lasting)
            context.deadline.sleep(parameters.promotion_delay)
            killed.promotion_began = True
            standby.promote(context.deadline.within(PROMOTION_SECONDS))
            killed.proof = (
                f"{primary.name}: {proof.sentence} and its port refuses connections; {standby.name} was promoted"
            )
        return killed

    def undo(self, context: Context | None, data: dict[str, Any]) -> str | None:  # noqa: ARG002 - the protocol's
        """Both servers belong to the run that was killed, and `clean` ends what is left of them; others are healed."""
        if "hook" not in data:
            return "its servers were that run's own; `clean` ends what is left of them"
        from gonogo.faults._hooked import undo  # noqa: PLC0415 - needs the driver

        undo(data)
        return None


@dataclass(slots=True, kw_only=True)
class Killed:
    """The old primary is dead and its standby was promoted (or is about to be)."""

    primary: PostgresServer
    standby: PostgresServer
    record: str
    proof: str = ""
    injected_at: float = 0.0
    promotion_began: bool = False
    _healed: str = field(default="", init=False)

    def heal(self, context: Context) -> str:
        """Bring the old primary back: as a standby of the promoted server, or as what it was if none was promoted."""
        import psycopg  # noqa: PLC0415 - see _standby_of

        if not self._healed:
            try:
                self._healed = self._bring_back(context)
            except (GonogoError, OSError, psycopg.Error) as error:
                raise FaultDidNotHeal(f"{self.primary.name} did not come back: {error}") from error
            context.run.undone(self.record)
        return self._healed

    def _bring_back(self, context: Context) -> str:
        if not self.promotion_began:
            self.primary.start(context.deadline)
            return f"{self.primary.name} was started again; nothing had been promoted"
        if _scalar(self.standby, WRITABLE) is not True:
            self.standby.promote(context.deadline.within(PROMOTION_SECONDS))
        if not self.primary.is_running():
            self.primary.rejoin(self.standby, context.deadline)
        return self._prove_one_primary()

    def _prove_one_primary(self) -> str:
        """Exactly one server accepts writes, and the other one streams from it."""
        writable = [one.name for one in (self.primary, self.standby) if _scalar(one, WRITABLE) is True]
        if writable != [self.standby.name]:
            raise FaultDidNotHeal(f"split brain: {', '.join(writable) or 'no server'} accept writes")
        member = self.primary.name.rpartition("/")[2]
        if not _scalar(self.standby, STREAMS, member):
            raise FaultDidNotHeal(f"{self.primary.name} does not stream from {self.standby.name}")
        return f"{self.primary.name} streams from {self.standby.name}, the only server that accepts writes"


FAULT = PrimaryKilled()


def _standby_of(primary: PostgresServer) -> PostgresServer:
    from gonogo.pg.sessions import session  # noqa: PLC0415 - planning reads this module and needs no driver

    with session(primary.dsn(), timeout_seconds=SESSION_SECONDS) as connection:
        names = [str(row[0]) for row in connection.execute(STANDBYS)]
    for name in names:
        if name in primary.standbys:
            return primary.standbys[name]
    raise NotMeasurable(f"no standby streams from {primary.name}: nothing could be promoted")


def _scalar(server: PostgresServer, statement: str, *arguments: str) -> Any:
    """The one value of a query. Raises FaultDidNotHeal where the server does not answer."""
    import psycopg  # noqa: PLC0415 - see _standby_of

    from gonogo.pg.sessions import session  # noqa: PLC0415 - see _standby_of

    try:
        with session(server.dsn(), timeout_seconds=SESSION_SECONDS) as connection:
            row = connection.execute(statement.encode(), arguments or None).fetchone()
    except psycopg.Error as error:
        raise FaultDidNotHeal(f"{server.name} does not answer: {error}") from error
    return row[0] if row else None


def _prove_gone(primary: PostgresServer, proof: KillProof, lasting: int) -> None:
    """Orphaned backends would go on acknowledging writes that the promoted server never sees."""
    if len(proof.pids) <= lasting:
        raise FaultDidNotLand(
            f"only {len(proof.pids)} processes of {primary.name} were killed; it had at least {lasting + 1}"
        )
    if primary.is_running():
        raise FaultDidNotLand(f"{primary.name} still runs after the kill")
    try:
        socket.create_connection((primary.host, primary.port), timeout=REFUSED_SECONDS).close()
    except OSError:
        return
    raise FaultDidNotLand(f"{primary.name} still accepts connections after the kill")
