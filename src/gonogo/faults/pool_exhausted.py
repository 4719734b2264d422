"""Every connection that the application could have is held by somebody else.

What is held is what the server grants the application's role in its database: whichever of max_connections, the role's
and the database's limit ends first. The application's own connections are ended and their slots taken as well, as
happens to every pool that recycles its connections while another client leaks: what it gives back, it never gets again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import DeadlineExceeded
from gonogo.core.outcome import Capability
from gonogo.faults import FaultDidNotHeal, FaultDidNotLand, FaultParameters
from gonogo.faults._base import healed_on_error, record_intent, server_of
from gonogo.stacks.interfaces import PostgresServer, Role

if TYPE_CHECKING:
    from gonogo.pg.sessions import Connection
    from gonogo.stacks.context import Context

NAME = "pool_exhausted"
HOLDER = "gonogo_pool_exhausted"  # application_name of what we hold
CONNECT_TIMEOUT_SECONDS = 5
FILL_SECONDS = 30.0
QUIET_SECONDS = 0.5  # the application must be without a connection for this long: its pool had time to reconnect
POLL_SECONDS = 0.02
# The driver has no sqlstate for a refused connection: the server's text is all there is.
NO_FREE_SLOT = ("remaining connection slots", "too many clients", "too many connections")

OTHERS = f"""
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND usename = %s AND datname = current_database()
  AND application_name <> '{HOLDER}'
"""
COUNT_OTHERS = f"SELECT count(*) {OTHERS}"
END_OTHERS = f"SELECT count(pg_terminate_backend(pid)) {OTHERS}"
COUNT_HELD = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"


class PoolExhaustedParameters(FaultParameters):
    """Which database service; default the data service."""

    service: str | None = None


class PoolExhausted:
    """A kind of fault."""

    parameters = PoolExhaustedParameters
    needs = frozenset({Capability.SQL, Capability.APPLICATION})

    def inject(self, context: Context, parameters: Any) -> Held:
        """Take every slot, also those of the application. Raises FaultDidNotLand."""
        from gonogo.pg.sessions import connect  # noqa: PLC0415 - planning reads this module and needs no driver

        server = server_of(context, parameters.service)
        admin = connect(server.dsn(), timeout_seconds=CONNECT_TIMEOUT_SECONDS)
        data = {"service": server.name, "holder": HOLDER}
        held = Held(server=server, admin=admin, record=record_intent(context, NAME, data))
        with healed_on_error(held, context):
            limit = context.deadline.within(FILL_SECONDS)
            limit.poll(held.holds_everything, every_seconds=POLL_SECONDS, what="every connection is held")
            held.proof = (
                f"{len(held.connections)} connections are held, the application has none,"
                f" and a new one is refused: {held.refusal}"
            )
        return held

    def undo(self, context: Context | None, data: dict[str, Any]) -> str:  # noqa: ARG002 - the protocol's
        """Nothing: the connections ended with the process that held them."""
        return "the connections ended with the process that held them"


@dataclass(slots=True, kw_only=True)
class Held:
    """All connections, in our hands."""

    server: PostgresServer
    admin: Connection
    record: str
    proof: str = ""
    refusal: str = ""
    injected_at: float = 0.0
    connections: list[Connection] = field(default_factory=list)
    _quiet_since: float | None = None
    _healed: str = field(default="", init=False)

    def holds_everything(self) -> bool:
        """Take what is free, end what the application holds; True when it has been without any for a while."""
        while self._take_one():
            continue
        others = self._scalar(COUNT_OTHERS, self.server.role_name(Role.APPLICATION))
        if others:
            self._scalar(END_OTHERS, self.server.role_name(Role.APPLICATION))
            self._quiet_since = None
            return False
        self._quiet_since = self._quiet_since or time.monotonic()
        self.injected_at = self._quiet_since
        return time.monotonic() - self._quiet_since >= QUIET_SECONDS

    def heal(self, context: Context) -> str:
        """Let everything go; proven by a new connection of the application's role."""
        if not self._healed:
            self._healed = self._let_go(context)
            context.run.undone(self.record)
        return self._healed

    def _take_one(self) -> bool:
        """Open one more connection as the application's role; False when the server refuses for lack of slots."""
        import psycopg  # noqa: PLC0415 - see PoolExhausted.inject

        try:
            connection = psycopg.connect(
                self.server.dsn(Role.APPLICATION), autocommit=True, application_name=HOLDER,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
            )  # fmt: skip
        except psycopg.OperationalError as error:
            text = " ".join(str(error).split())
            if not any(part in text for part in NO_FREE_SLOT):
                raise FaultDidNotLand(f"the application's role cannot connect for another reason: {text}") from error
            self.refusal = text.rpartition("FATAL: ")[2] or text
            return False
        self.connections.append(connection)
        return True

    def _let_go(self, context: Context) -> str:
        import psycopg  # noqa: PLC0415 - see PoolExhausted.inject

        released = len(self.connections)
        for connection in self.connections:
            with suppress(psycopg.Error):
                connection.close()
        self.connections.clear()
        if not released:
            self.admin.close()
            return "no connection had been taken"
        try:
            context.deadline.poll(
                lambda: not self._scalar(COUNT_HELD, HOLDER), every_seconds=POLL_SECONDS, what="the held slots are free"
            )
            with psycopg.connect(self.server.dsn(Role.APPLICATION), connect_timeout=CONNECT_TIMEOUT_SECONDS) as fresh:
                fresh.execute("SELECT 1")
        except (psycopg.Error, DeadlineExceeded) as error:
            raise FaultDidNotHeal(f"{self.server.name} still refuses the application's role: {error}") from error
        finally:
            self.admin.close()
        return f"{released} connections were let go and the application's role connects again"

    def _scalar(self, statement: str, argument: str) -> int:
        row = self.admin.execute(statement.encode(), [argument]).fetchone()
        assert row is not None
        return int(row[0])


FAULT = PoolExhausted()
