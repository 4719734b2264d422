"""Refusing to break what is protected, before anything is done: by host, database name and system identifier."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import psycopg

from gonogo.core.errors import UsageError
from gonogo.pg.sessions import session
from gonogo.spec.protected import ProtectedSpec
from gonogo.stacks.external.database import ExternalPostgres
from gonogo.stacks.interfaces import HttpService, Role, Service

SECONDS = 5.0
IDENTIFIER = "SELECT system_identifier::text FROM pg_control_system()"
GLOB = "*?["


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that would be written to or broken."""

    service: str
    host: str
    port: int | None
    database: str | None = None
    elsewhere: str = ""  # a name under which another file says where it leads


def refuse_protected(services: Iterable[Service], protected: ProtectedSpec) -> None:
    """Raise UsageError when a service is on the list, or when that cannot be told."""
    services = tuple(services)
    for target in _targets(services):
        if entry := next((one for one in protected.hosts if is_host(one, target.host, target.port)), None):
            _refuse(target.service, f"its host {target.host} is protected ({entry})")
        if target.elsewhere and (protected.hosts or protected.databases):
            _refuse(target.service, f"where it leads stands in pg_service.conf ({target.elsewhere}): write it in dsn:")
        database = target.database or ""
        if entry := next((one for one in protected.databases if database and fnmatchcase(database, one)), None):
            _refuse(target.service, f"its database {database} is protected ({entry})")
    if protected.system_identifiers:
        for server in services:
            if isinstance(server, ExternalPostgres):
                for role in _elsewhere(server):
                    _check_identifier(server, role, protected.system_identifiers)


def _refuse(service: str, why: str) -> None:
    raise UsageError(f"--allow-destructive is refused for {service}: {why}")


def _targets(services: Sequence[Service]) -> Iterable[Target]:
    for service in services:
        if isinstance(service, ExternalPostgres):
            for one in dict.fromkeys(place for role in service.places.values() for place in role):
                yield Target(
                    service=service.name, host=one.host, port=one.port, database=one.database, elsewhere=one.service
                )
        elif isinstance(service, HttpService):
            url = urlsplit(service.url)
            port = url.port or {"http": 80, "https": 443}.get(url.scheme)
            yield Target(service=service.name, host=url.hostname or "", port=port)


def _elsewhere(server: ExternalPostgres) -> list[Role]:
    """The administrator, and those whose connections lead somewhere else than theirs."""
    return [role for role, places in server.places.items() if role is Role.ADMIN or places != server.places[Role.ADMIN]]


def _check_identifier(server: ExternalPostgres, role: Role, protected: Sequence[str]) -> None:
    try:
        with session(server.dsn(role), timeout_seconds=SECONDS) as connection:
            row = connection.execute(IDENTIFIER).fetchone()
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error).strip().splitlines()[0]
        _refuse(server.name, f"whether its system identifier is protected cannot be told ({said})")
        return
    assert row is not None
    if row[0] in protected:
        _refuse(server.name, f"its system identifier {row[0]} is protected")


def is_host(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of the list names a host, by its name, a glob, or an address that both have.

    >>> is_host("*.prod.example", "db1.prod.example", 5432), is_host("db.example:5433", "db.example", 5432)
    (True, False)
    >>> is_host("localhost", "127.0.0.1", 5432), is_host("127.0.*", "localhost", 5432)
    (True, True)
    """
    name, _, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
    if wanted and wanted != str(port):
        return False
    name, host = name.lower(), host.lower().rstrip(".")
    if any(fnmatchcase(one, name) for one in (host, *_addresses(host))):
        return True
    return not any(sign in name for sign in GLOB) and bool(_addresses(name) & _addresses(host))


def _addresses(host: str) -> set[str]:
    """Its addresses; the socket folder of a server of this host leads to this host."""
    found: set[str] = set()
    with suppress(OSError, UnicodeError):
        name = "localhost" if host.startswith("/") else host
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)}
    return found
