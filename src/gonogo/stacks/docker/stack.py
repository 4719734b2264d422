"""A running stack of containers, with its scratch copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, StackError
from gonogo.stacks.docker.build import run_once
from gonogo.stacks.docker.restored import fill
from gonogo.stacks.docker.server import DockerPostgres
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.interfaces import (
    FileStore,
    HttpService,
    PostgresServer,
    RestoredStore,
    ScratchRequest,
    StackRequest,
    StoreRequest,
)
from gonogo.stacks.running import RunningStack
from gonogo.stacks.services import Declared, RestoringInContainers
from gonogo.stacks.services.http import container_service
from gonogo.stacks.services.postgres import create_database, references_inside
from gonogo.stacks.sqlserver import Group, prove_fresh
from gonogo.stacks.started import Started


class DockerStack(RunningStack):
    """Implements Stack. Its references are as this host sees them; services are told what containers see."""

    no_physical_restore = None
    starts_stores = True

    def __init__(
        self,
        *,
        request: StackRequest,
        site: DockerSite,
        declared: Mapping[str, Declared],
        started: Mapping[str, Started],
        end: Callable[[], None],
    ) -> None:
        references = site.references
        for name, one in started.items():
            references = references.replaced(name, {**one.references, **one.outside})
        super().__init__(runtime="docker", request=request, references=references, started=started)
        self._site = site
        self._declared = declared
        self._end = end
        self._scratch_number = 0

    def _primary_of(self, server: PostgresServer) -> PostgresServer:
        assert isinstance(server, DockerPostgres)
        return server.group.primary or server

    @contextmanager
    def scratch_postgres(self, request: ScratchRequest, deadline: Deadline) -> Iterator[PostgresServer]:
        """A server of the data service's image in a container of its own: fresh, or from what `fill` restores."""
        source = self.postgres()
        assert isinstance(source, DockerPostgres)
        server = DockerPostgres(
            name=self._fresh_name(request.name), site=replace(self._site, deadline=deadline), image=source.image,
            database=source.database, roles=source.roles, group=Group(),
            settings={**source.settings, **request.settings, "archive_mode": "off"},
            container=source.container, folder=source.stack_folder,
        )  # fmt: skip
        try:
            if request.fill is not None:
                fill(server, request, self.scratch, deadline)
                server.start(deadline)
            else:
                server.start(deadline)
                create_database(server)
                prove_fresh(server, source)
            yield server
        finally:
            server.discard()

    @contextmanager
    def scratch_store(self, request: StoreRequest, deadline: Deadline) -> Iterator[FileStore]:
        """A server of the store's image in a container and a volume of its own, which `fill` fills before it starts."""
        declared = self._declared.get(request.service)
        if declared is None or not isinstance(declared.kind, RestoringInContainers):
            raise MissingCapability(f"the stack has no store {request.service!r} that starts from restored files")
        site = replace(self._site, deadline=deadline)
        name = self._fresh_name(f"{request.service}-restored")
        store = declared.kind.restored_in_container(declared, site, request, name)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def scratch_application(
        self, database: PostgresServer, deadline: Deadline, *, stores: Sequence[RestoredStore] = ()
    ) -> Iterator[HttpService]:
        """The contract's service once more, with every reference to the data service leading to `database`."""
        if not isinstance(database, DockerPostgres):
            raise StackError("a scratch application needs a database of the docker runtime")
        declared = self._declared.get(self.spec.contract.service)
        if declared is None or declared.name not in self.services:
            raise MissingCapability(f"the stack has no HTTP service {self.spec.contract.service!r}")
        references = self._site.references.replaced(self.spec.data.service, references_inside([database]))
        for one in stores:
            references = references.replaced(one.service, one.store.references)
        site = replace(self._site, references=references, deadline=deadline)
        service = container_service(declared, site, name=self._fresh_name(f"{declared.name}-scratch"))
        try:
            service.start(deadline)
            yield service
        finally:
            service.close()

    def run_application(self, what: str, command: Sequence[str], database: PostgresServer, deadline: Deadline) -> None:
        """A command of the contract's service, with every reference to the data service leading to `database`."""
        if not isinstance(database, DockerPostgres):
            raise StackError("a command of the application needs a database of the docker runtime")
        declared = self._declared.get(self.spec.contract.service)
        if declared is None:
            raise MissingCapability(f"the stack has no HTTP service {self.spec.contract.service!r}")
        references = self._site.references.replaced(self.spec.data.service, references_inside([database]))
        site = replace(self._site, references=references, deadline=deadline)
        run_once(declared, self._fresh_name(what), command, site, deadline.remaining_seconds)

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
