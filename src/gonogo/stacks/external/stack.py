"""A stack that already runs."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.stacks.external.access import Access
from gonogo.stacks.external.database import ExternalPostgres
from gonogo.stacks.external.hooks import Hooks
from gonogo.stacks.interfaces import PostgresServer, StackRequest
from gonogo.stacks.references import References
from gonogo.stacks.running import RunningStack
from gonogo.stacks.started import Started


class ExternalStack(RunningStack):
    """Implements Stack: attached to, and only read unless `access` says otherwise."""

    def __init__(
        self,
        *,
        request: StackRequest,
        references: References,
        started: Mapping[str, Started],
        access: Access,
        hooks: Hooks,
    ) -> None:
        super().__init__(runtime="external", request=request, references=references, started=started)
        self.access = access
        self.hooks = hooks

    def _primary_of(self, server: PostgresServer) -> PostgresServer:
        return server.cluster.primary if isinstance(server, ExternalPostgres) else server
