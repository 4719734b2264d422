"""What running stacks of every runtime have in common."""

# ruff: noqa: ARG002 - implements a protocol, some of whose arguments it has no use for

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability
from gonogo.core.outcome import Capability
from gonogo.spec.stack import StackSpec
from gonogo.stacks.credentials import Keyring
from gonogo.stacks.interfaces import (
    FileStore,
    HttpService,
    PostgresServer,
    RestoredStore,
    ScratchRequest,
    Service,
    StackRequest,
    StoreRequest,
)  # fmt: skip
from gonogo.stacks.references import References
from gonogo.stacks.started import Started
from gonogo.stacks.turns import clean_up

LLM_KIND = "openai_stub"


class RunningStack:
    """Implements Stack for services that were started or attached to; scratch copies are the runtime's part."""

    no_physical_restore: str | None = "this runtime starts no server from a restored data directory"
    starts_stores = False  # whether `scratch_store` does anything

    def __init__(
        self, *, runtime: str, request: StackRequest, references: References, started: Mapping[str, Started]
    ) -> None:
        self.spec: StackSpec = request.spec
        self.spec_path: Path = request.spec_path
        self.name = request.spec.stack
        self.runtime = runtime
        self.scratch = request.run.scratch
        self.capabilities: frozenset[Capability] = frozenset()
        self.missing: Mapping[Capability, str] = {}
        self.keyring = Keyring(request.run.secret)
        self._closed = False
        self._progress = request.run.progress
        self._references = references
        self.references: Mapping[str, str] = references.known
        self._started = dict(started)
        services: dict[str, Service] = {}
        for name, one in started.items():
            services[name] = one.service
            services.update(one.members)
        self.services: Mapping[str, Service] = services
        self.images: Mapping[str, str] = {name: one.image for name, one in started.items() if one.image}

    def resolve(self, text: str) -> str:
        """Replace every reference in `text`."""
        return cast("str", self._references.resolve(text))

    def postgres(self, name: str | None = None) -> PostgresServer:
        """A server by name, default the data service: whichever of its servers is primary now."""
        found = self.services.get(name or self.spec.data.service)
        if found is None or found.kind != "postgres":
            raise MissingCapability(f"the stack has no PostgreSQL service {name or self.spec.data.service!r}")
        server = cast("PostgresServer", found)
        return self._primary_of(server) if name is None else server

    def _primary_of(self, server: PostgresServer) -> PostgresServer:
        return server

    def application(self) -> HttpService:
        """The contract's service."""
        found = self.services.get(self.spec.contract.service)
        if found is None or not isinstance(found, HttpService):
            raise MissingCapability(f"the stack has no HTTP service {self.spec.contract.service!r}")
        return found

    def llm(self) -> HttpService:
        """The LLM stub."""
        for service in self.services.values():
            if service.kind == LLM_KIND:
                return cast("HttpService", service)
        raise MissingCapability("the stack runs no LLM stub")

    def scratch_postgres(self, request: ScratchRequest, deadline: Deadline) -> AbstractContextManager[PostgresServer]:
        """Not on every runtime."""
        raise MissingCapability(f"the {self.runtime} runtime starts no scratch servers")

    def scratch_store(self, request: StoreRequest, deadline: Deadline) -> AbstractContextManager[FileStore]:
        """Not on every runtime."""
        raise MissingCapability(f"the {self.runtime} runtime starts no scratch copies of stores")

    def scratch_application(
        self, database: PostgresServer, deadline: Deadline, *, stores: Sequence[RestoredStore] = ()
    ) -> AbstractContextManager[HttpService]:
        """Not on every runtime."""
        raise MissingCapability(f"the {self.runtime} runtime starts no scratch applications")

    def run_application(self, what: str, command: Sequence[str], database: PostgresServer, deadline: Deadline) -> None:
        """Not on every runtime."""
        raise MissingCapability(f"the {self.runtime} runtime runs no commands of the application")

    def clean_up(self) -> None:
        """Send the contract's `cleanup`, once, while the application still runs."""
        if not self._closed:
            self._closed = True
            clean_up(self, self._progress)

    def close(self) -> None:
        """End everything, newest first; every service gets its turn, the first error is raised at the end."""
        errors: list[Exception] = []
        self.clean_up()
        for one in reversed(self._started.values()):
            try:
                one.close()
            except Exception as error:  # noqa: BLE001 - the others must still be ended; raised below
                errors.append(error)
        if errors:
            raise errors[0]


def supported(found: Mapping[Capability, str | None]) -> tuple[frozenset[Capability], dict[Capability, str]]:
    """Split capabilities into those there (None) and those missing (why)."""
    missing = {capability: reason for capability, reason in found.items() if reason is not None}
    return frozenset(found) - missing.keys(), missing


def refuse_stores(runtime: str, stores: Sequence[RestoredStore]) -> None:
    """Raise MissingCapability where a runtime leads an application to the database alone."""
    if stores:
        raise MissingCapability(f"the {runtime} runtime starts no application on restored stores")


def first_missing(*reasons: str | None) -> str | None:
    """The first reason there is."""
    return next((reason for reason in reasons if reason is not None), None)
