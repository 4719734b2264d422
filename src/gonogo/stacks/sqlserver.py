"""What PostgreSQL servers of every runtime have in common once they answer SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import HarnessError
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import PostgresServer, Role

CONNECT_TIMEOUT_SECONDS = 5
POLL_SECONDS = 0.002
STREAMS = "SELECT count(*) FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"

FRESH = """
SELECT (SELECT system_identifier::text FROM pg_control_system()),
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')),
       current_setting('archive_mode')
"""


@dataclass(slots=True)
class Group:
    """Servers with the same data: which one is the primary now."""

    primary: PostgresServer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A database role."""

    name: str
    password: str


class SqlServer:
    """The part of PostgresServer that speaks SQL, from this host."""

    kind = "postgres"
    host = "127.0.0.1"

    def __init__(self, *, name: str, port: int, database: str, roles: Mapping[Role, Credential], group: Group) -> None:
        self.name = name
        self.member = name.rpartition("/")[2]  # its application_name towards a primary
        self.port = port
        self.database = database
        self.roles = roles
        self.group = group

    def dsn(self, role: Role = Role.ADMIN, *, database: str | None = None) -> str:
        """A libpq connection string for this server."""
        return make_conninfo(
            host=self.host, port=self.port, dbname=database or self.database, user=self.roles[role].name,
            password=self.roles[role].password, application_name="gonogo", connect_timeout=CONNECT_TIMEOUT_SECONDS,
        )  # fmt: skip

    def role_name(self, role: Role) -> str:
        """The name of a role in the database."""
        return self.roles[role].name

    def await_promotion(self, deadline: Deadline) -> None:
        """Ask this standby to become primary; returns when it accepts writes."""
        with session(self.dsn(database="postgres"), timeout_seconds=deadline.remaining_seconds) as connection:
            connection.execute("SELECT pg_promote(wait => false)")

            def accepts_writes() -> bool:
                row = connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()
                return row is not None and bool(row[0])

            deadline.poll(accepts_writes, every_seconds=POLL_SECONDS, what=f"{self.name} is promoted")

    def await_streaming(self, member: str, deadline: Deadline) -> None:
        """Wait until a standby streams from this server."""
        with session(self.dsn(database="postgres"), timeout_seconds=deadline.remaining_seconds) as connection:

            def streams() -> bool:
                row = connection.execute(STREAMS, [member]).fetchone()
                return row is not None and row[0] > 0

            deadline.poll(streams, every_seconds=POLL_SECONDS, what=f"{member} streams from {self.name}")

    def system_identifier(self) -> str:
        """As recorded in the cluster's control file; the same for a primary and all its copies."""
        with session(self.dsn(database="postgres"), timeout_seconds=10) as connection:
            row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
            assert row is not None
            return str(row[0])

    def answers(self) -> bool:
        """Whether SQL is answered; a standby knows this run's passwords only when it has replayed them."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        """Run one statement as the administrator, outside of the stack's own database."""
        with session(self.dsn(database="postgres"), timeout_seconds=10) as connection:
            connection.execute(statement.encode())


def complaint(log: str) -> str:
    """Why a server did not start, by the end of its log. What it only told those who asked too early is no reason.

    >>> complaint("[7] FATAL:  recovery ended before its target\\n[9] FATAL:  the database system is in recovery mode")
    '[7] FATAL:  recovery ended before its target'
    """
    lines = log.splitlines()
    fatal = [line for line in lines if ("FATAL" in line or "PANIC" in line) and "the database system is" not in line]
    return (fatal or lines or ["it said nothing"])[-1]


def prove_fresh(server: SqlServer, source: SqlServer) -> None:
    """Raise HarnessError unless a scratch server is nobody's copy, holds nothing and archives nothing."""
    with session(server.dsn(), timeout_seconds=10) as connection:
        found = connection.execute(FRESH).fetchone()
    assert found is not None
    identifier, tables, archive_mode = found
    if identifier == source.system_identifier():
        raise HarnessError(f"{server.name} is not fresh: it has the system identifier of {source.name}")
    if tables:
        raise HarnessError(f"{server.name} is not fresh: it holds {tables} tables")
    if archive_mode != "off":
        raise HarnessError(f"{server.name} archives its WAL: archive_mode is {archive_mode}")
