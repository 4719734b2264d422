"""Something that already runs: a connection string and a URL. Read-only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gonogo.core.errors import MissingCapability, UsageError
from gonogo.core.outcome import Capability
from gonogo.stacks.external.database import READ_ONLY, ExternalPostgres
from gonogo.stacks.external.web import ExternalHttp
from gonogo.stacks.interfaces import Stack, StackRequest
from gonogo.stacks.order import start_order
from gonogo.stacks.references import References
from gonogo.stacks.running import RunningStack, supported
from gonogo.stacks.services import ExternalKind, declared_services
from gonogo.stacks.started import Started


class ExternalRuntime:
    """Implements Runtime."""

    name = "external"

    def available(self) -> str | None:
        """Always: whether the addresses answer is found out per service."""
        return None

    def start(self, request: StackRequest) -> Stack:
        """Attach. What does not answer costs capabilities, it is no error here."""
        declared = declared_services(request.spec, request.spec_path)
        references = References(folder=request.spec_path.parent, secret=request.run.secret)
        started: dict[str, Started] = {}
        for name in start_order(declared):
            one = declared[name]
            if isinstance(one.kind, ExternalKind):
                started[name] = one.kind.external(one, partial(references.resolve, where=f"services.{name}"))
                references.add(name, started[name].references)
            elif one.optional:
                references.leave_out(name)
            else:
                raise UsageError(f"services.{name}: kind {one.kind_name} cannot be attached to by the external runtime")
        stack = RunningStack(runtime=self.name, request=request, references=references, started=started)
        stack.capabilities, stack.missing = supported(_capabilities(stack))
        return stack


RUNTIME = ExternalRuntime()


def _capabilities(stack: RunningStack) -> Mapping[Capability, str | None]:
    found: dict[Capability, str | None] = dict.fromkeys(Capability, READ_ONLY)
    found[Capability.SQL] = _database_problem(stack)
    found[Capability.APPLICATION] = _application_problem(stack)
    try:
        source = stack.application().source
    except MissingCapability as error:
        found[Capability.SOURCE] = str(error)
    else:
        found[Capability.SOURCE] = None if source and source.is_dir() else "the stack file names no readable source:"
    return found


def _database_problem(stack: RunningStack) -> str | None:
    try:
        server = stack.postgres()
    except MissingCapability as error:
        return str(error)
    return server.problem() if isinstance(server, ExternalPostgres) else None


def _application_problem(stack: RunningStack) -> str | None:
    try:
        service = stack.application()
    except MissingCapability as error:
        return str(error)
    return service.problem() if isinstance(service, ExternalHttp) else None
