"""A running stack of local processes, with its scratch copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, StackError
from gonogo.stacks.interfaces import (
    FIRST_SESSION,
    REPLAY,
    FileStore,
    HttpService,
    PostgresServer,
    RestoredStore,
    ScratchRequest,
    StackRequest,
    StoreRequest,
)
from gonogo.stacks.local.build import run_once
from gonogo.stacks.local.empty import empty_cluster
from gonogo.stacks.local.server import LocalPostgres
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.templates import Templates
from gonogo.stacks.running import RunningStack
from gonogo.stacks.services import Declared, RestoringKind
from gonogo.stacks.services.http import local_service
from gonogo.stacks.services.postgres import references_of, start_with_passwords
from gonogo.stacks.sqlserver import Group, prove_fresh
from gonogo.stacks.started import Started


class LocalStack(RunningStack):
    """Implements Stack."""

    no_physical_restore = None
    starts_stores = True

    def __init__(
        self,
        *,
        request: StackRequest,
        site: Site,
        declared: Mapping[str, Declared],
        started: Mapping[str, Started],
        templates: Templates,
    ) -> None:
        super().__init__(runtime="embedded", request=request, references=site.references, started=started)
        self._site = site
        self._declared = declared
        self._templates = templates
        self._scratch_number = 0

    def _primary_of(self, server: PostgresServer) -> PostgresServer:
        assert isinstance(server, LocalPostgres)
        return server.group.primary or server

    @contextmanager
    def scratch_postgres(self, request: ScratchRequest, deadline: Deadline) -> Iterator[PostgresServer]:
        """A fresh server beside the data service's: from an empty template of its own, or from what `fill` restores."""
        source = self.postgres()
        assert isinstance(source, LocalPostgres)
        settings = {**source.settings, **request.settings, "archive_mode": "off"}
        folder = self._fresh_folder(request.name)
        site = replace(self._site, deadline=deadline)
        server = LocalPostgres(
            name=folder.name, folder=folder, site=site, binaries=source.binaries,
            database=source.database, roles=source.roles, settings=settings, group=Group(),
        )  # fmt: skip
        with ExitStack() as ending:
            ending.callback(shutil.rmtree, folder, ignore_errors=True)
            if request.fill is not None:
                ending.callback(server.discard)
                request.fill(server.data)
                request.phase(REPLAY)
                self._site.account.own(server.data)
                server.start(deadline, ready=partial(request.phase, FIRST_SESSION))
            else:
                password = ending.enter_context(empty_cluster(server, site, self._templates))
                ending.callback(server.discard)
                start_with_passwords(server, password, site)
                prove_fresh(server, source)
            yield server

    @contextmanager
    def scratch_store(self, request: StoreRequest, deadline: Deadline) -> Iterator[FileStore]:
        """A server of the store's kind beside it, in a folder of its own, which `fill` fills before it starts."""
        declared = self._declared.get(request.service)
        if declared is None or not isinstance(declared.kind, RestoringKind):
            raise MissingCapability(f"the stack has no store {request.service!r} that starts from restored files")
        folder = self._fresh_folder(f"{request.service}-restored")
        try:
            site = replace(self._site, scratch=folder, deadline=deadline)
            store = declared.kind.restored(declared, site, request)
            try:
                yield store
            finally:
                store.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def scratch_application(
        self, database: PostgresServer, deadline: Deadline, *, stores: Sequence[RestoredStore] = ()
    ) -> Iterator[HttpService]:
        """The contract's service once more, with every reference to the data service leading to `database`."""
        if not isinstance(database, LocalPostgres):
            raise StackError("a scratch application needs a database of the embedded runtime")
        declared = self._declared.get(self.spec.contract.service)
        if declared is None or declared.name not in self.services:
            raise MissingCapability(f"the stack has no HTTP service {self.spec.contract.service!r}")
        folder = self._fresh_folder(f"{declared.name}-scratch")
        references = self._site.references.replaced(self.spec.data.service, references_of([database]))
        for one in stores:
            references = references.replaced(one.service, one.store.references)
        site = replace(self._site, scratch=folder, references=references, deadline=deadline)
        service = local_service(declared, site, name=folder.name)
        try:
            service.start(deadline)
            yield service
        finally:
            service.close()
            shutil.rmtree(folder, ignore_errors=True)

    def run_application(self, what: str, command: Sequence[str], database: PostgresServer, deadline: Deadline) -> None:
        """A command of the contract's service, with every reference to the data service leading to `database`."""
        if not isinstance(database, LocalPostgres):
            raise StackError("a command of the application needs a database of the embedded runtime")
        declared = self._declared.get(self.spec.contract.service)
        if declared is None:
            raise MissingCapability(f"the stack has no HTTP service {self.spec.contract.service!r}")
        references = self._site.references.replaced(self.spec.data.service, references_of([database]))
        site = replace(self._site, references=references, deadline=deadline)
        self._scratch_number += 1
        run_once(declared, f"{what}-{self._scratch_number}", command, site, deadline.remaining_seconds)

    def _fresh_folder(self, name: str) -> Path:
        self._scratch_number += 1
        folder = self.scratch / f"{name}-{self._scratch_number}"
        folder.mkdir()
        folder.chmod(0o711)  # whatever the umask says: PostgreSQL's user must get through
        return folder

    def close(self) -> None:
        """End everything, and the thread that started it."""
        try:
            super().close()
        finally:
            self._site.spawner.close()
