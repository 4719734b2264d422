"""The schema of a ledger in a database that gonogo did not start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from gonogo.core.errors import StackError
from gonogo.pg.ledger import drop_schema
from gonogo.pg.sessions import session
from gonogo.spec.loader import load
from gonogo.spec.stack import StackSpec
from gonogo.stacks.external.attach import attach

SECONDS = 20.0


class LedgerSchemaUndo:
    """Implements Undo."""

    def undo(self, data: Mapping[str, Any]) -> None:
        """Drop it, on whichever server accepts writes now. Raises StackError, UsageError."""
        path, service, schema = Path(str(data["stack"])), str(data["service"]), str(data["schema"])
        attached = attach(load(path, StackSpec).spec, path, run_id="", secret=lambda value: value, allow=True)
        dsn = attached.references.resolve(f"${{{service}.url.admin}}", where="the ledger's schema")
        try:
            with session(dsn, timeout_seconds=SECONDS) as connection:
                drop_schema(connection, schema)
        except psycopg.Error as error:
            raise StackError(f"{schema} was not dropped from {service}: {' '.join(str(error).split())}") from error


UNDO = LedgerSchemaUndo()
