"""Sessions on PostgreSQL that always come back: timeouts, and a watchdog against frozen servers."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

Connection = psycopg.Connection[TupleRow]
CONNECT_TIMEOUT_SECONDS = 5
GRACE_SECONDS = 5.0  # the server ends a statement itself; only one that is frozen needs longer


class Watched(psycopg.Connection[TupleRow]):
    """A session that knows since when it has been waiting for its server."""

    waiting_since: float | None = None  # on the monotonic clock

    def wait(self, *args: Any, **options: Any) -> Any:
        """As the driver does, which calls this for every answer of the server."""
        self.waiting_since = time.monotonic()
        try:
            return super().wait(*args, **options)
        finally:
            self.waiting_since = None


def connect(
    dsn: str, *, timeout_seconds: float = 30.0, autocommit: bool = True, guarded: bool = True, **settings: Any
) -> Watched:
    """Open a session whose statements end after `timeout_seconds`. `settings` are server settings for the session.

    Unguarded, the session keeps the timeouts that the server gives to everybody of this role: for looking at them.
    Raises psycopg.OperationalError.
    """
    milliseconds = max(1, int(timeout_seconds * 1000))
    given = conninfo_to_dict(dsn).get("options")  # ours are added: they must not undo a read-only session
    options = [str(given)] if given else []
    options += [f"-c statement_timeout={milliseconds}", "-c lock_timeout=5000"] if guarded else []
    options += [f"-c {name}={value}" for name, value in settings.items()]
    connection = Watched.connect(
        dsn, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_SECONDS, options=" ".join(options)
    )
    connection.prepare_threshold = None  # a server-side plan of ours must not outlive DDL or a pooler
    return connection


@contextmanager
def session(dsn: str, *, timeout_seconds: float = 30.0, guarded: bool = True, **settings: Any) -> Iterator[Connection]:
    """A session that is closed at the end, and whose socket is shut down when the server is frozen.

    Server-side timeouts do not fire on a stopped server and the kernel keeps acknowledging, so only our own end can
    give up: after `timeout_seconds` + 5 s without an answer the socket is shut down and the waiting call raises
    OperationalError. That is for each statement: a session may last as long as its work.
    """
    connection = connect(dsn, timeout_seconds=timeout_seconds, guarded=guarded, **settings)
    ended = threading.Event()
    limit = timeout_seconds + GRACE_SECONDS
    threading.Thread(target=_watch, args=(connection, limit, ended), name="watchdog", daemon=True).start()
    try:
        yield connection
    finally:
        ended.set()
        connection.close()


def _watch(connection: Watched, limit_seconds: float, ended: threading.Event) -> None:
    """Shut a session down that has been waiting for one answer longer than the limit; ends with it."""
    left = limit_seconds
    while not ended.wait(left):
        since = connection.waiting_since
        left = limit_seconds if since is None else since + limit_seconds - time.monotonic()
        if left <= 0:
            shut_down(connection)
            return


def shut_down(connection: Connection) -> None:
    """Shut the session's socket down; whoever waits on it gets OperationalError at once."""
    with suppress(OSError, psycopg.Error):
        duplicate = socket.socket(fileno=os.dup(connection.fileno()))
        duplicate.shutdown(socket.SHUT_RDWR)
        duplicate.close()
