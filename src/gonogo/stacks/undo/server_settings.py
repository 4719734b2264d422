"""Log settings of a server that gonogo did not start, changed for as long as a capture lasts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from gonogo.core.errors import StackError
from gonogo.pg.sessions import session
from gonogo.pg.statements import restore_logging
from gonogo.spec.loader import load
from gonogo.spec.stack import StackSpec
from gonogo.stacks.external.attach import attach
from gonogo.stacks.external.database import ExternalPostgres

SECONDS = 20.0


class ServerSettingsUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """Put back what they were, through the stack file's own connection. Raises StackError, UsageError."""
        path, name = Path(str(data["stack"])), str(data["service"])
        attached = attach(load(path, StackSpec).spec, path, run_id="", secret=lambda value: value, allow=True)
        services = [
            one for started in attached.started.values() for one in (started.service, *started.members.values())
        ]
        server = next((one for one in services if isinstance(one, ExternalPostgres) and one.name == name), None)
        if server is None:
            raise StackError(f"{path} has no server {name} any more: reset its log settings by hand")
        try:
            with session(server.dsn(), timeout_seconds=SECONDS) as connection:
                restore_logging(connection, dict(data["before"]))
        except psycopg.Error as error:
            raise StackError(
                f"the log settings of {name} were not put back: {error.diag.message_primary or error}"
            ) from error


UNDO = ServerSettingsUndo()
