"""A replication slot for a receiver of WAL, and that none is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded
from gonogo.pg.sessions import session
from gonogo.stacks.sqlserver import POLL_SECONDS, SqlServer

LIMIT_SECONDS = 15.0


@contextmanager
def replication_slot(server: SqlServer, name: str) -> Iterator[str]:
    """A physical slot that keeps WAL from now on; without one, the next checkpoint may remove what is not received."""
    with session(server.dsn(database="postgres"), timeout_seconds=LIMIT_SECONDS) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
    try:
        yield name
    finally:
        with suppress(psycopg.Error, DeadlineExceeded):  # the server may be the one that was lost
            Deadline.after(LIMIT_SECONDS).poll(
                lambda: _dropped(server, name), every_seconds=POLL_SECONDS, what=f"slot {name} is left"
            )


def _dropped(server: SqlServer, name: str) -> bool:
    with session(server.dsn(database="postgres"), timeout_seconds=LIMIT_SECONDS) as connection:
        try:
            connection.execute("SELECT pg_drop_replication_slot(%s)", [name])
        except psycopg.errors.ObjectInUse:  # its walsender has not noticed yet
            return False
    return True
