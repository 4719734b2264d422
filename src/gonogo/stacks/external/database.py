"""A PostgreSQL that already runs."""

# ruff: noqa: ARG002 - implements a protocol, some of whose arguments it has no use for

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, UsageError
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import KillProof, PostgresServer, Role, ToolResult
from gonogo.stacks.started import Started

CONNECT_TIMEOUT_SECONDS = 5
READ_ONLY = "the external runtime is read-only"


class ExternalPostgres:
    """Implements PostgresServer for reading; what would change the server raises MissingCapability."""

    kind = "postgres"

    def __init__(self, name: str, dsns: Mapping[Role, str]) -> None:
        self.name = name
        self.standbys: Mapping[str, PostgresServer] = {}
        self._dsns = dict(dsns)
        settings = _parsed(name, dsns[Role.ADMIN])
        self.host = settings.get("host", "localhost")
        self.port = int(settings.get("port", "5432").split(",")[0])
        self.database = settings.get("dbname") or settings.get("user", "postgres")
        for role, dsn in dsns.items():
            _parsed(f"{name}, role {role}", dsn)

    def problem(self) -> str | None:
        """None when SQL is answered, else why not, in one line without secrets."""
        try:
            with session(self.dsn(), timeout_seconds=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return f"{self.name}: {_first_line(error)}"
        return None

    def is_running(self) -> bool:
        """Whether it answers."""
        return self.problem() is None

    def pids(self) -> tuple[int, ...]:
        """Not known."""
        return ()

    def log_tail(self, lines: int = 40) -> str:
        """Cannot be read."""
        return ""

    def dsn(self, role: Role = Role.ADMIN, *, database: str | None = None) -> str:
        """The given connection of a role. Raises MissingCapability where the stack file has none."""
        if role not in self._dsns:
            raise MissingCapability(f"{self.name}: the stack file gives no connection of the {role} (dsn_{role})")
        extra = {"dbname": database} if database else {}
        return make_conninfo(
            self._dsns[role], application_name="gonogo", connect_timeout=CONNECT_TIMEOUT_SECONDS, **extra
        )

    def role_name(self, role: Role) -> str:
        """The user of the role's connection."""
        return str(conninfo_to_dict(self.dsn(role)).get("user", ""))

    def tool(
        self, name: str, arguments: Sequence[str], *, deadline: Deadline, stdout: Path | None = None
    ) -> ToolResult:
        """No tools."""
        raise MissingCapability(READ_ONLY)

    def kill(self) -> KillProof:
        """Not ours."""
        raise MissingCapability(READ_ONLY)

    def pause(self) -> None:
        """Not ours."""
        raise MissingCapability(READ_ONLY)

    def resume(self) -> None:
        """Not ours."""
        raise MissingCapability(READ_ONLY)

    def start(self, deadline: Deadline) -> None:
        """Not ours."""
        raise MissingCapability(READ_ONLY)

    def promote(self, deadline: Deadline) -> None:
        """Not ours."""
        raise MissingCapability(READ_ONLY)

    def rejoin(self, primary: PostgresServer, deadline: Deadline) -> None:
        """Not ours."""
        raise MissingCapability(READ_ONLY)


def attach_database(name: str, dsns: Mapping[Role, str]) -> Started:
    """Attach to a server by its connection strings."""
    server = ExternalPostgres(name, dsns)
    references = {"host": server.host, "port": str(server.port), "database": server.database}
    for role, dsn in dsns.items():
        references[f"url.{role}"] = dsn
        references[f"roles.{role}"] = server.role_name(role)
    return Started(service=server, close=lambda: None, references=references, image="external")


def _parsed(name: str, dsn: str) -> dict[str, str]:
    try:
        return {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:
        raise UsageError(f"services.{name}: dsn is not a PostgreSQL connection string") from None


def _first_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
