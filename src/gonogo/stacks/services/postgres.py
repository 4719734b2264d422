"""PostgreSQL, with streaming standbys."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql
from pydantic import Field

from gonogo.core.errors import MissingCapability, StackError, UsageError
from gonogo.pg.sessions import session
from gonogo.spec.base import Bytes, Seconds, Spec
from gonogo.stacks.compose.database import ComposePostgres, command_with
from gonogo.stacks.compose.member import Member, Written, only
from gonogo.stacks.compose.rewrite import Reached
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.server import PORT as CONTAINER_PORT
from gonogo.stacks.docker.server import DockerPostgres
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.volumes import Copy, copy_volume, data_folder
from gonogo.stacks.external.database import attach_database
from gonogo.stacks.external.site import ExternalSite
from gonogo.stacks.interfaces import Role
from gonogo.stacks.local import cluster
from gonogo.stacks.local.binaries import find_binaries
from gonogo.stacks.local.disk import limited_folder
from gonogo.stacks.local.server import LocalPostgres
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.templates import ADMIN_PASSWORD
from gonogo.stacks.services import Declared, Text
from gonogo.stacks.sqlserver import Credential, Group, SqlServer
from gonogo.stacks.started import Started

PASSWORD_BYTES = 24


class RolesSpec(Spec):
    """Names of the database roles; the application's is not the owner, so that row-level security binds it."""

    owner: str = "owner"
    application: str = "application"


class ProxySpec(Spec):
    """A network between two servers of one host: what the primary sends arrives later, or not if it dies before."""

    delay: Seconds


class StandbySpec(Spec):
    """A streaming standby. Synchronous: a commit waits until one of the synchronous standbys has it."""

    synchronous: bool = False
    through_proxy: ProxySpec | None = None  # embedded
    dsn: str | None = None  # external: the administrator's connection; its key is its application_name


class PostgresParameters(Spec):
    """Keys of a postgres service."""

    image: str = "pgvector/pgvector:pg17"
    bindir: str | None = None  # embedded: the programs of a local installation
    database: str = "app"
    roles: RolesSpec = RolesSpec()
    extensions: tuple[str, ...] = ()
    grants: dict[Literal["owner", "application"], tuple[str, ...]] = Field(default_factory=dict)  # roles it is in
    standbys: dict[str, StandbySpec] = Field(default_factory=dict)
    settings: dict[str, Text] = Field(default_factory=dict)
    checksums: bool = True
    container: ContainerSpec = UNLIMITED  # docker: limits, health, files … of every server
    disk: Bytes | None = None  # the most that the primary's data may take; it lies in memory then
    dsn: str | None = None  # external: the administrator's connection, or the only one there is
    dsn_owner: str | None = None
    dsn_application: str | None = None


class PostgresKind:
    """A service kind."""

    parameters = PostgresParameters

    def embedded(self, declared: Declared, site: Site) -> Started:
        """Start the primary, then its standbys."""
        parameters: PostgresParameters = declared.parameters
        servers = _servers(declared, site)
        primary = servers[declared.name]
        members = {name: server for name, server in servers.items() if name != declared.name}
        started = Started(
            service=primary,
            members=members,
            close=lambda: _discard(list(servers.values())),
            references=references_of(list(servers.values())),
            image=f"PostgreSQL {primary.binaries.version} in {primary.binaries.bindir}",
        )
        try:
            _start(primary, list(members.values()), parameters, site)
        except BaseException:
            started.close()
            raise
        return started

    def docker(self, declared: Declared, site: DockerSite) -> Started:
        """Start containers: the primary, then its standbys."""
        parameters: PostgresParameters = declared.parameters
        if any(one.through_proxy for one in parameters.standbys.values()):
            raise MissingCapability("through_proxy: only the embedded runtime puts a proxy before a standby")
        servers = _containers(declared, site)
        started = Started(
            service=servers[0],
            members={server.name: server for server in servers[1:]},
            close=lambda: _discard(servers),
            references=references_inside(servers),
            outside=references_of(servers),
            image=servers[0].image.evidence,
        )
        try:
            _start_containers(servers, parameters, site)
        except BaseException:
            started.close()
            raise
        return replace(started, outside=references_of(servers))  # another port if somebody had taken the first one

    def reached(self, declared: Declared, written: Written, site: DockerSite) -> Reached:
        """Its port, its log as JSON, the scratch folder for its tools; a data directory of the user's is not for us."""
        parameters: PostgresParameters = declared.parameters
        only(declared.name, parameters, ("database", "roles", "settings"))
        return Reached(
            port=written.listens or CONTAINER_PORT, command=command_with(written, parameters.settings),
            shares=(str(site.scratch),), data=(data_folder(written.image),),
        )  # fmt: skip

    def compose(self, declared: Declared, member: Member) -> Started:
        """Wait until it answers; who its owner is will be known when the application has made its tables."""
        parameters: PostgresParameters = declared.parameters
        named = {Role(name): str(getattr(parameters.roles, name)) for name in parameters.roles.model_fields_set}
        database = parameters.database if "database" in parameters.model_fields_set else None
        server = ComposePostgres(member, database=database, named=named)
        server.start(member.site.deadline)
        return Started(service=server, close=lambda: None, references=member.references(), image=server.image.evidence)

    def external(self, declared: Declared, site: ExternalSite) -> Started:
        """Attach to the server of `dsn`, and to the standbys that have one of their own."""
        parameters: PostgresParameters = declared.parameters
        if not parameters.dsn:
            raise UsageError(f"services.{declared.name}: the external runtime needs dsn: (${{env.…}} keeps it secret)")
        given = {
            Role.ADMIN: parameters.dsn,
            Role.OWNER: parameters.dsn_owner,
            Role.APPLICATION: parameters.dsn_application,
        }
        standbys = {name: site.resolve(one.dsn) for name, one in parameters.standbys.items() if one.dsn}
        dsns = {role: site.resolve(dsn) for role, dsn in given.items() if dsn}
        return attach_database(declared.name, dsns, standbys, site.access)


SERVICE = PostgresKind()


def references_of(servers: Sequence[SqlServer]) -> dict[str, str]:
    """What `${db.…}` gives on this host. URLs name every server, and the writable one answers."""
    return _references(servers, [(server.host, server.port) for server in servers])


def references_inside(servers: Sequence[DockerPostgres]) -> dict[str, str]:
    """What `${db.…}` gives to containers of the same network."""
    return _references(servers, [(server.alias, CONTAINER_PORT) for server in servers])


def _references(servers: Sequence[SqlServer], addresses: Sequence[tuple[str, int]]) -> dict[str, str]:
    host, port = addresses[0]
    hosts = ",".join(f"{host}:{port}" for host, port in addresses)
    query = "?target_session_attrs=read-write" if len(servers) > 1 else ""
    values = {"host": host, "port": str(port), "database": servers[0].database}
    for role, credential in servers[0].roles.items():
        user, database = f"{credential.name}:{credential.password}", servers[0].database
        values[f"roles.{role}"] = credential.name
        values[f"passwords.{role}"] = credential.password  # for services that want the parts, or another scheme
        values[f"url.{role}"] = f"postgresql://{user}@{hosts}/{database}{query}"
    return values


def _containers(declared: Declared, site: DockerSite) -> list[DockerPostgres]:
    """The primary and, unless a template is being built, its standbys."""
    parameters: PostgresParameters = declared.parameters
    image = site.images.find(parameters.image, site.deadline, parameters.container.pull)
    roles, group = _roles(parameters, site), Group()
    standbys = () if site.building else parameters.standbys
    return [
        DockerPostgres(
            name=name, site=site, image=image, database=parameters.database, roles=roles,
            settings=parameters.settings, group=group, checksums=parameters.checksums,
            container=UNLIMITED if site.building else parameters.container, folder=declared.folder,
            disk_bytes=parameters.disk if name == declared.name and not site.building else None,
        )
        for name in (declared.name, *(f"{declared.name}/{one}" for one in standbys))
    ]  # fmt: skip


def _start_containers(servers: list[DockerPostgres], parameters: PostgresParameters, site: DockerSite) -> None:
    primary, *standbys = servers
    if site.template is None:
        primary.start(site.deadline)
        primary.let_standbys_connect()
        create_database(primary)
        _create_extensions(primary, parameters.extensions, primary.image.evidence)
        _grant(primary, parameters.grants)
        return
    copies = [Copy(volume=primary.volume)]
    for standby in standbys:
        copies.append(Copy(volume=standby.volume, primary=primary.conninfo_for(standby.member)))
        standby.follow(primary, synchronous=parameters.standbys[standby.member].synchronous)
    copy_volume(site, primary.image, site.template.volumes[primary.name], copies, site.deadline)
    start_with_passwords(primary, site.template.passwords[primary.name], site)
    for standby in standbys:
        standby.start(site.deadline)
        primary.await_streaming(standby.member, site.deadline)


def _servers(declared: Declared, site: Site) -> dict[str, LocalPostgres]:
    """The primary and, unless a template is being built, its standbys."""
    parameters: PostgresParameters = declared.parameters
    binaries = find_binaries(str(declared.path(parameters.bindir)) if parameters.bindir else None, site.account)
    roles = _roles(parameters, site)
    group = Group()

    # What a template does not need: WAL files kept for later use would be copied at every start.
    settings = {**parameters.settings, "wal_recycle": "off"} if site.building else parameters.settings

    def server(name: str, folder: Path) -> LocalPostgres:
        limited = parameters.disk is not None and name == declared.name and not site.building
        disk = limited_folder(site, name, folder, parameters.disk) if limited else None
        return LocalPostgres(
            name=name, folder=folder, site=site, binaries=binaries, database=parameters.database,
            roles=roles, settings=settings, group=group, disk=disk,
        )  # fmt: skip

    found = {declared.name: server(declared.name, site.scratch / declared.name)}
    for name in () if site.building else parameters.standbys:
        full = f"{declared.name}/{name}"
        found[full] = server(full, site.scratch / f"{declared.name}-{name}")
    return found


def _roles(parameters: PostgresParameters, site: Site | DockerSite) -> dict[Role, Credential]:
    """The three roles with passwords made for this run."""
    return {
        role: Credential(name=name, password=site.run.secret(secrets.token_urlsafe(PASSWORD_BYTES)))
        for role, name in (
            (Role.ADMIN, cluster.SUPERUSER),
            (Role.OWNER, parameters.roles.owner),
            (Role.APPLICATION, parameters.roles.application),
        )
    }


def _start(primary: LocalPostgres, standbys: list[LocalPostgres], parameters: PostgresParameters, site: Site) -> None:
    if site.template is None:
        create_cluster(primary, site, checksums=parameters.checksums)
        where = f"PostgreSQL {primary.binaries.version} of {primary.binaries.bindir}"
        _create_extensions(primary, parameters.extensions, where)
        _grant(primary, parameters.grants)
        return
    template = site.template / primary.name
    with ThreadPoolExecutor() as copying:  # side by side: the kernel's work on fresh pages is most of a start
        for copied in [
            copying.submit(cluster.copy_data, template / "data", server.data, site.account, run_id=site.run.run_id)
            for server in (primary, *standbys)
        ]:
            copied.result()
    for standby in standbys:
        wanted = parameters.standbys[standby.member]
        delay = wanted.through_proxy.delay if wanted.through_proxy else None
        standby.follow(primary, synchronous=wanted.synchronous, delay_seconds=delay)
    start_with_passwords(primary, (template / ADMIN_PASSWORD).read_text(), site)
    for standby in standbys:
        standby.start(site.deadline)
        primary.await_streaming(standby.member, site.deadline)


def create_cluster(server: LocalPostgres, site: Site, *, checksums: bool) -> None:
    """Make and start a new cluster with the server's roles and its empty database."""
    password = server.roles[Role.ADMIN].password
    run_id = site.run.run_id
    cluster.initialise(server.binaries, site.account, server.data, password, checksums=checksums, run_id=run_id)
    server.start(site.deadline)
    create_database(server)


def create_database(server: SqlServer) -> None:
    """Create the server's roles and its empty database."""
    owner = sql.Identifier(server.role_name(Role.OWNER))
    with session(server.dsn(database="postgres"), timeout_seconds=60) as connection:
        for role in {server.roles[Role.OWNER], server.roles[Role.APPLICATION]}:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role.name), sql.Literal(role.password)))
        statement = sql.SQL("CREATE DATABASE {} OWNER {}")
        connection.execute(statement.format(sql.Identifier(server.database), owner))


def start_with_passwords(server: LocalPostgres | DockerPostgres, old_password: str, site: Site | DockerSite) -> None:
    """Start a copy of a template: its passwords are replaced before anybody else knows its port."""
    wanted, server.roles = (
        server.roles,
        {
            **server.roles,
            Role.ADMIN: Credential(name=cluster.SUPERUSER, password=old_password),
        },
    )
    server.start(site.deadline)
    with session(server.dsn(database="postgres"), timeout_seconds=60) as connection, connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = local")  # no standby is there yet
        for credential in set(wanted.values()):
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [credential.name]).fetchone()
            if exists:
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                connection.execute(statement.format(sql.Identifier(credential.name), sql.Literal(credential.password)))
    server.roles = wanted


def _create_extensions(server: SqlServer, names: Sequence[str], where: str) -> None:
    with session(server.dsn(), timeout_seconds=60) as connection:
        for name in names:
            try:
                connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {} CASCADE").format(sql.Identifier(name)))
            except psycopg.Error as error:
                reason = error.diag.message_primary or str(error)
                raise StackError(
                    f"services.{server.name}: extension {name} cannot be created in {where}: {reason}"
                ) from error


def _grant(server: SqlServer, grants: Mapping[Literal["owner", "application"], Sequence[str]]) -> None:
    """Make roles of the stack members of others. Raises StackError."""
    with session(server.dsn(), timeout_seconds=60) as connection:
        for role, groups in grants.items():
            for group in groups:
                names = sql.Identifier(group), sql.Identifier(server.role_name(Role(role)))
                try:
                    connection.execute(sql.SQL("GRANT {} TO {}").format(*names))
                except psycopg.Error as error:
                    reason = error.diag.message_primary or str(error)
                    raise StackError(f"services.{server.name}: grants: {group}: {reason}") from error


def _discard(servers: Sequence[LocalPostgres | DockerPostgres]) -> None:
    for server in reversed(servers):
        server.discard()
