"""PostgreSQL servers that already run: a primary and those of its standbys whose addresses are known."""

# ruff: noqa: ARG002 - implements a protocol, some of whose arguments it has no use for

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, UsageError
from gonogo.pg.sessions import session
from gonogo.stacks.external.access import NOT_OURS, Access
from gonogo.stacks.interfaces import KillProof, PostgresServer, Role, ToolResult
from gonogo.stacks.started import Started

CONNECT_TIMEOUT_SECONDS = 5
LOOK_SECONDS = 5.0
READS_ONLY = "-c default_transaction_read_only=on"
NO_SERVER = "no server accepts writes"
STATE = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'), pg_postmaster_start_time()::text"
POOLER = "a pooler stands between that does not pass settings of a session on: name the server itself"
WHERE_PARTS = ("host", "hostaddr", "port")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connection string leads, or may lead to. `service`: of pg_service.conf, which may say otherwise."""

    host: str
    port: int
    database: str
    service: str = ""


class Cluster:
    """Servers with the same data, and which of them was the primary when somebody last looked."""

    def __init__(self) -> None:
        self.servers: list[ExternalPostgres] = []
        self._primary: ExternalPostgres | None = None

    @property
    def primary(self) -> ExternalPostgres:
        """The one server that accepts writes; the first of the stack file where that cannot be told."""
        if self._primary is None:
            writable = self.writable() if len(self.servers) > 1 else []
            self._primary = writable[0] if len(writable) == 1 else self.servers[0]
        return self._primary

    def forget(self) -> None:
        """Somebody may have made another server the primary: look again when it is asked for."""
        self._primary = None

    def writable(self) -> list[ExternalPostgres]:
        """Every server that says that it is no standby."""
        return [server for server in self.servers if server.in_recovery() is False]

    def problem(self) -> str | None:
        """Why nothing can be read from the primary, in one line; None where it can."""
        writable = self.writable()
        if len(writable) > 1:
            return f"split brain: {' and '.join(one.name for one in writable)} accept writes"
        return self.primary.problem()


class ExternalPostgres:
    """Implements PostgresServer for reading; what would change the server itself raises MissingCapability."""

    kind = "postgres"

    def __init__(self, name: str, dsns: Mapping[Role, str], access: Access, cluster: Cluster) -> None:
        self.name = name
        self.member = name.rpartition("/")[2]
        self.access = access
        self.cluster = cluster
        self._dsns = dict(dsns)
        self.places = {role: places(f"{name}, role {role}", dsn) for role, dsn in dsns.items()}
        first = self.places[Role.ADMIN][0]
        self.host, self.port, self.database = first.host, first.port, first.database
        cluster.servers.append(self)

    @property
    def standbys(self) -> Mapping[str, PostgresServer]:
        """The other servers, while this one is the primary."""
        if self.cluster.primary is not self:
            return {}
        return {one.member: one for one in self.cluster.servers if one is not self}

    def problem(self) -> str | None:
        """None when the primary answers SQL here, else why not, in one line without secrets."""
        try:
            recovery, reads_only, _ = self._state()
        except psycopg.Error as error:
            return f"{self.name}: {_first_line(error)}"
        if recovery:
            return f"{self.name}: dsn leads to a standby, and no other server of the stack file accepts writes"
        if reads_only != "on" and not self.access.destructive:
            return f"{self.name}: the session did not become read-only; {POOLER}"
        return None

    def in_recovery(self) -> bool | None:
        """Whether it is a standby; None where it does not answer."""
        try:
            return bool(self._state()[0])
        except psycopg.Error:
            return None

    def started_at(self) -> str | None:
        """When its server process started, as it says itself; None where it does not answer."""
        try:
            return str(self._state()[2])
        except psycopg.Error:
            return None

    def _state(self) -> tuple[bool, str, str]:
        with session(self.dsn(), timeout_seconds=LOOK_SECONDS) as connection:
            row = connection.execute(STATE).fetchone()
        assert row is not None  # a SELECT without FROM gives one row
        return row

    def is_running(self) -> bool:
        """Whether it answers."""
        return self.in_recovery() is not None

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
        return self.guarded(self._dsns[role], {"dbname": database} if database else {})

    def guarded(self, dsn: str, changes: Mapping[str, str | None]) -> str:
        """A connection string as gonogo uses it: named, not waiting for ever, and read-only unless all is allowed."""
        settings: dict[str, str | None] = {**parsed(self.name, dsn), **changes}
        options = [settings.get("options"), None if self.access.destructive else READS_ONLY]
        settings |= {
            "options": " ".join(one for one in options if one) or None,
            "application_name": "gonogo",
            "connect_timeout": str(CONNECT_TIMEOUT_SECONDS),
        }
        return joined(settings)

    def role_name(self, role: Role) -> str:
        """The user of the role's connection."""
        return str(conninfo_to_dict(self.dsn(role)).get("user", ""))

    def passwords(self) -> list[str]:
        """The passwords of its connections, for redaction."""
        found = (conninfo_to_dict(dsn).get("password") for dsn in self._dsns.values())
        return [str(password) for password in found if password]

    def tool(
        self, name: str, arguments: Sequence[str], *, deadline: Deadline, stdout: Path | None = None
    ) -> ToolResult:
        """No tools."""
        raise MissingCapability(NOT_OURS)

    def kill(self) -> KillProof:
        """Not ours."""
        raise MissingCapability(NOT_OURS)

    def pause(self) -> None:
        """Not ours."""
        raise MissingCapability(NOT_OURS)

    def resume(self) -> None:
        """Not ours."""
        raise MissingCapability(NOT_OURS)

    def start(self, deadline: Deadline) -> None:
        """Not ours."""
        raise MissingCapability(NOT_OURS)

    def promote(self, deadline: Deadline) -> None:
        """Not ours."""
        raise MissingCapability(NOT_OURS)

    def rejoin(self, primary: PostgresServer, deadline: Deadline) -> None:
        """Not ours."""
        raise MissingCapability(NOT_OURS)


def attach_database(name: str, dsns: Mapping[Role, str], standbys: Mapping[str, str], access: Access) -> Started:
    """Attach to a server by its connection strings, and to its standbys by one each.

    A standby has the primary's roles and passwords, so the other roles' connections differ in the address alone.
    """
    cluster = Cluster()
    server = ExternalPostgres(name, dsns, access, cluster)
    settings = parsed(name, dsns[Role.ADMIN])
    if standbys and any("," in settings.get(key, "") for key in ("host", "hostaddr")):
        raise UsageError(f"services.{name}: dsn names several hosts; name one, since each standby has a dsn of its own")
    for member, dsn in standbys.items():
        ExternalPostgres(f"{name}/{member}", _elsewhere(f"{name}.standbys.{member}", dsns, dsn), access, cluster)
    references = {"host": server.host, "port": str(server.port), "database": server.database}
    for role, dsn in dsns.items():
        references[f"url.{role}"] = server.guarded(dsn, _every_address(cluster))
        references[f"roles.{role}"] = server.role_name(role)
    members = {one.name: one for one in cluster.servers[1:]}
    return Started(service=server, close=lambda: None, references=references, image="external", members=members)


def _elsewhere(where: str, dsns: Mapping[Role, str], dsn: str) -> dict[Role, str]:
    """The connections of a standby: the administrator's as given, the others with its address."""
    settings = parsed(where, dsn)
    address = {key: settings.get(key) for key in WHERE_PARTS}  # None takes away what stood there
    others = {role: joined({**parsed(where, one), **address}) for role, one in dsns.items()}
    return {**others, Role.ADMIN: dsn}


def _every_address(cluster: Cluster) -> dict[str, str | None]:
    """What makes a connection string lead to whichever server accepts writes; nothing where there is only one."""
    if len(cluster.servers) == 1:
        return {}
    hosts, ports = (",".join(str(getattr(one, part)) for one in cluster.servers) for part in ("host", "port"))
    return {"host": hosts, "hostaddr": None, "port": ports, "target_session_attrs": "read-write"}


def places(name: str, dsn: str) -> tuple[Place, ...]:
    """Everywhere that a connection string leads to, as libpq reads it: PG… variables count where it says nothing.

    A `hostaddr` is where it really goes, and stands beside the host that it is given for. Raises UsageError.
    """
    given = parsed(name, dsn)
    told = {one.keyword.decode(): one.val.decode() for one in pq.Conninfo.get_defaults() if one.val}
    settings = {**told, **given}
    ports = settings.get("port", "5432").split(",")
    if not all(port.isdecimal() for port in ports):
        raise UsageError(f"services.{name}: the port of dsn is no number")
    named = [settings[key].split(",") for key in ("host", "hostaddr") if settings.get(key)] or [["localhost"]]
    database = settings.get("dbname") or settings.get("user", "postgres")
    return tuple(
        Place(
            host=host or "localhost", port=int(ports[number] if len(ports) > 1 and number < len(ports) else ports[0]),
            database=database, service=given.get("service", ""),
        )
        for hosts in named
        for number, host in enumerate(hosts)
    )  # fmt: skip


def parsed(name: str, dsn: str) -> dict[str, str]:
    """The parts of a connection string. Raises UsageError without repeating it: it may hold a password."""
    try:
        return {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:
        raise UsageError(f"services.{name}: dsn is not a PostgreSQL connection string") from None


def joined(settings: Mapping[str, str | None]) -> str:
    """A connection string of its parts, without those that are None."""
    return make_conninfo(**{key: value for key, value in settings.items() if value is not None})


def _first_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    return f"{said}; {POOLER}" if "unsupported startup parameter" in said else said
