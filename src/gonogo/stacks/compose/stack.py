"""A running Compose project, with its scratch copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, StackError
from gonogo.core.outcome import Capability
from gonogo.pg.sessions import Connection, session
from gonogo.stacks.compose.database import ComposePostgres, KnownLogins
from gonogo.stacks.compose.dollars import doubled
from gonogo.stacks.compose.project import TAIL_LINES, Project
from gonogo.stacks.compose.rewrite import Model
from gonogo.stacks.docker.box import HOST
from gonogo.stacks.docker.engine import RUN, SERVICE, labels_of, speaking
from gonogo.stacks.docker.restored import fill
from gonogo.stacks.docker.server import DockerPostgres
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.web import DockerHttp
from gonogo.stacks.interfaces import HttpService, PostgresServer, RestoredStore, Role, ScratchRequest, StackRequest
from gonogo.stacks.references import References
from gonogo.stacks.running import RunningStack, refuse_stores
from gonogo.stacks.services import ComposeKind, Declared
from gonogo.stacks.sqlserver import Group, prove_fresh
from gonogo.stacks.started import Started

if TYPE_CHECKING:
    from docker.models.containers import Container

# What a server like the source needs to hold the same data, to replay its WAL, and to be as quick.
LIKE_THE_SOURCE = (
    "shared_preload_libraries", "shared_buffers", "max_connections", "work_mem", "maintenance_work_mem",
    "effective_cache_size", "max_worker_processes", "max_parallel_workers", "max_parallel_maintenance_workers",
    "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction",
)  # fmt: skip
SETTINGS = """
SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s) AND source NOT IN ('default', 'override')
"""
ROLES = """
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolpassword
FROM pg_authid WHERE rolname !~ '^pg_' AND oid <> 10 ORDER BY rolname
"""
ABILITIES = ("SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS")
MEMBERS = """
SELECT pg_get_userbyid(roleid), pg_get_userbyid(member) FROM pg_auth_members
WHERE pg_get_userbyid(member) !~ '^pg_' AND member <> 10
"""
OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
PROVE_SECONDS = 30.0
POLL_SECONDS = 0.05


class ScratchPostgres(KnownLogins, DockerPostgres):
    """A fresh server with the roles of a project's database."""

    @property
    def container_id(self) -> str:
        """For networks."""
        return str(self._box.container.id)


class ComposeStack(RunningStack):
    """Implements Stack. What it can do is asked of the project's containers, as they are."""

    no_physical_restore = None

    def __init__(
        self,
        *,
        request: StackRequest,
        site: DockerSite,
        project: Project,
        declared: Mapping[str, Declared],
        started: Mapping[str, Started],
        end: Callable[[], None],
    ) -> None:
        references: References = site.references
        for name, one in started.items():
            references = references.replaced(name, {**one.references, **one.outside})
        super().__init__(runtime="docker", request=request, references=references, started=started)
        named = {reference.service for reference in project.named.values()}
        beside = {f"compose {name}": image for name, image in project.images.items() if name not in named}
        self.images: Mapping[str, str] = {**self.images, **beside}
        self._site = site
        self._project = project
        self._declared = declared
        self._end = end
        self._scratch_number = 0

    # --- what it cannot do

    def lacking(self) -> dict[Capability, str | None]:
        """What a Compose project, of all stacks in containers, may lack, and why."""
        found: dict[Capability, str | None] = {}
        try:
            server = self.postgres()
        except MissingCapability:
            return found
        if not isinstance(server, ComposePostgres):
            return found
        if server.no_capture:
            found[Capability.CAPTURE] = server.no_capture
        elif Role.APPLICATION not in server.roles:
            found[Capability.CAPTURE] = self._unknown_login(server)
        if "PG_MAJOR" not in server.image.environment:
            found[Capability.SCRATCH_POSTGRES] = (
                f"the image of {server.name} has not the interface of the official postgres image (PG_MAJOR)"
            )
        found[Capability.PHYSICAL_RESTORE] = found.get(Capability.SCRATCH_POSTGRES) or server.no_replication()
        found[Capability.SCRATCH_APPLICATION] = found.get(Capability.SCRATCH_POSTGRES) or self._through_others(server)
        return found

    def _unknown_login(self, server: ComposePostgres) -> str:
        try:
            server.role_name(Role.APPLICATION)
        except MissingCapability as error:
            return str(error)
        return ""

    def _through_others(self, server: ComposePostgres) -> str | None:
        """Why a second application cannot be led to another database: it asks somebody between (a pooler)."""
        reference = self._project.named.get(self.spec.contract.service)
        if reference is None or reference.service in self._asking(server):
            return None
        return f"{reference.service} does not name {', '.join(sorted(server.hosts))} in its environment or depends_on"

    def _asking(self, server: ComposePostgres) -> set[str]:
        """The project's services that speak to the database themselves, as far as can be seen."""
        services = self._project.model["services"]
        found = set()
        for name, environment in self._project.environments.items():
            told = [*environment.values(), *map(str, services.get(name, {}).get("command") or ())]
            waits = services.get(name, {}).get("depends_on") or {}
            if server.hosts & set(waits) or any(_names(host, text) for host in server.hosts for text in told):
                found.add(name)
        return found - {server.member_of_project.written.name}

    # --- scratch copies

    @contextmanager
    def scratch_postgres(self, request: ScratchRequest, deadline: Deadline) -> Iterator[PostgresServer]:
        """A server of the project's image in a container of its own: fresh, or from what `fill` restores."""
        source = self.postgres()
        assert isinstance(source, ComposePostgres)
        server = ScratchPostgres(
            name=self._fresh_name(request.name), site=replace(self._site, deadline=deadline), image=source.image,
            database=source.database, roles=source.roles, group=Group(),
            settings={**_settings_of(source), **request.settings, "archive_mode": "off"},
        )  # fmt: skip
        try:
            if request.fill is not None:
                fill(server, request, self.scratch, deadline)
                server.start(deadline)
            else:
                server.start(deadline)
                _copy_roles(source, server)
                prove_fresh(server, source)
            yield server
        finally:
            server.discard()

    @contextmanager
    def scratch_application(
        self, database: PostgresServer, deadline: Deadline, *, stores: Sequence[RestoredStore] = ()
    ) -> Iterator[HttpService]:
        """The contract's service once more, in a network where the database's names lead to `database`."""
        refuse_stores(self.runtime, stores)
        declared = self._application_declared()
        own = self._project.named[declared.name].service
        with self._network(database) as network:
            fresh, outside = self._fresh_name(f"{own}-scratch"), self._site.port()
            ports = [{"target": self._project.ports[declared.name], "published": str(outside), "host_ip": HOST}]
            container = self._project.start_beside(fresh, self._once_more(own, fresh, network, ports), deadline)
            service = self._adopted(declared, container, fresh, outside, deadline)
            try:
                yield service
            finally:
                service.close()

    def run_application(self, what: str, command: Sequence[str], database: PostgresServer, deadline: Deadline) -> None:
        """A command in a container like the application's, in such a network. Raises StackError where it fails."""
        declared = self._application_declared()
        own = self._project.named[declared.name].service
        fresh = self._fresh_name(f"{own}-{what}")
        with self._network(database) as network:
            model = self._once_more(own, fresh, network, [])
            model |= {"command": [doubled(word) for word in command], "healthcheck": {"disable": True}}
            container = self._project.start_beside(fresh, model, deadline)
            member = replace(self._project.member(declared.name, own, container=container), name=fresh)
            box = member.box()
            try:
                ended = f"services.{declared.name}.{what} ends"
                deadline.poll(lambda: not box.is_running(), every_seconds=POLL_SECONDS, what=ended)
                if code := box.exit_code():
                    said = "\n".join(box.log_text().splitlines()[-TAIL_LINES:])
                    raise StackError(f"services.{declared.name}.{what} failed with exit code {code}\n{said}")
            finally:
                box.remove()

    def _application_declared(self) -> Declared:
        declared = self._declared.get(self.spec.contract.service)
        if declared is None or declared.name not in self._project.named:
            raise MissingCapability(f"{self.spec.contract.service} is no service of the Compose project")
        return declared

    def _once_more(self, own: str, fresh: str, network: str, ports: list[Model]) -> Model:
        """A service of the project as it runs, for one more container of it, in one network alone."""
        model = dict(self._project.rewritten.model["services"][own])
        model |= {"networks": {network: None}, "depends_on": {}, "links": [], "restart": "no", "ports": ports}
        model["labels"] = {**model["labels"], **labels_of(self._site.run.run_id, fresh)}
        return model

    def _adopted(
        self, declared: Declared, container: Container, fresh: str, outside: int, deadline: Deadline
    ) -> DockerHttp:
        own = self._project.named[declared.name].service
        member = replace(
            self._project.member(declared.name, own, container=container), outside=outside,
            site=replace(self._site, deadline=deadline),
        )  # fmt: skip
        assert isinstance(declared.kind, ComposeKind)
        service = declared.kind.compose(declared, replace(member, name=fresh)).service
        assert isinstance(service, DockerHttp)
        return service

    @contextmanager
    def _network(self, database: PostgresServer) -> Iterator[str]:
        """A network where the real database's names lead to a scratch one.

        Of the project's other services, those are in it that do not speak to the database themselves: nobody there
        could lead to the real one.
        """
        source = self.postgres()
        if not isinstance(source, ComposePostgres) or not isinstance(database, ScratchPostgres):
            raise MissingCapability("a scratch application needs the database of a Compose project")
        away = {*self._asking(source), source.member_of_project.written.name}
        away.add(self._project.named[self.spec.contract.service].service)
        guests = {one: str(box.id) for one, box in self._project.containers.items() if one not in away}
        guests |= self._own_containers()
        name = f"{self._project.name}-{self._fresh_name('scratch')}"
        with speaking("the network of a scratch application cannot be made"):
            network = self._site.client.networks.create(
                name, driver="bridge", labels=labels_of(self._site.run.run_id, "")
            )
        joined: list[str] = []
        try:
            with speaking("the network of a scratch application cannot be joined"):
                for container, aliases in (
                    (database.container_id, sorted(source.hosts)),
                    *((container, [service]) for service, container in guests.items()),
                ):
                    network.connect(container, aliases=aliases)
                    joined.append(container)
            yield name
        finally:
            with speaking("the network of a scratch application cannot be removed"):
                for container in joined:
                    network.disconnect(container, force=True)
                network.remove()

    def _own_containers(self) -> dict[str, str]:
        """Those that gonogo itself started for the project, by their name in the network (a stand-in for an LLM)."""
        found = {}
        for name in self._declared.keys() - self._project.named.keys():
            labels = [f"{RUN}={self._site.run.run_id}", f"{SERVICE}={name}"]
            with speaking(f"the container of {name} cannot be found"):
                for one in self._site.client.containers.list(filters={"label": labels}, ignore_removed=True):
                    found[name] = str(one.id)
        return found

    def _fresh_name(self, name: str) -> str:
        self._scratch_number += 1
        return f"{name}-{self._scratch_number}"

    def holders(self) -> Iterable[int]:
        """Of every container of the run. Implements Housing."""
        return list(self._site.holders.values())

    def close(self) -> None:
        """Remove everything of this run from the engine. Safe to call twice."""
        self.clean_up()
        self._end()
        self._project.compose.close()


def _names(host: str, text: str) -> bool:
    """Whether a value leads to a host: alone, in a URL, or before a port."""
    return text == host or f"@{host}" in text or f"//{host}" in text or f"={host} " in f"{text} " or f"{host}:" in text


def _settings_of(source: ComposePostgres) -> dict[str, str]:
    with session(source.dsn(), timeout_seconds=PROVE_SECONDS) as connection:
        rows = connection.execute(SETTINGS, [list(LIKE_THE_SOURCE)]).fetchall()
    return {str(name): str(value) for name, value in rows}


def _copy_roles(source: ComposePostgres, server: KnownLogins) -> None:
    """Every role of the source with its password's verifier, and the empty database with its owner."""
    with (
        session(source.dsn(), timeout_seconds=PROVE_SECONDS) as there,
        session(server.dsn(database="postgres"), timeout_seconds=PROVE_SECONDS) as here,
    ):
        for name, *abilities, verifier in there.execute(ROLES.encode()).fetchall():
            _create_role(here, str(name), abilities, verifier)
        for role, member in there.execute(MEMBERS.encode()).fetchall():
            here.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member)))
        owner = there.execute(OWNER.encode()).fetchone()
        exists = here.execute("SELECT 1 FROM pg_database WHERE datname = %s", [server.database]).fetchone()
        if not exists and owner:
            statement = sql.SQL("CREATE DATABASE {} OWNER {}")
            here.execute(statement.format(sql.Identifier(server.database), sql.Identifier(owner[0])))


def _create_role(connection: Connection, name: str, abilities: list[bool], verifier: str | None) -> None:
    words = " ".join(word if able else f"NO{word}" for word, able in zip(ABILITIES, abilities, strict=True))
    statement = sql.SQL("CREATE ROLE {} ").format(sql.Identifier(name)) + sql.SQL(words)
    if verifier:
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(verifier))
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        raise StackError(f"role {name} cannot be made on the scratch server: {error}") from error
