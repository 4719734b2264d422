"""Sessions on PostgreSQL that always come back: timeouts, and a watchdog against frozen servers."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

Connection = psycopg.Connection[TupleRow]
CONNECT_TIMEOUT_SECONDS = 5


def connect(
    dsn: str, *, timeout_seconds: float = 30.0, autocommit: bool = True, guarded: bool = True, **settings: Any
) -> Connection:
    """Open a session whose statements end after `timeout_seconds`. `settings` are server settings for the session.

    Unguarded, the session keeps the timeouts that the server gives to everybody of this role: for looking at them.
    Raises psycopg.OperationalError.
    """
    milliseconds = max(1, int(timeout_seconds * 1000))
    given = conninfo_to_dict(dsn).get("options")  # ours are added: they must not undo a read-only session
    options = [str(given)] if given else []
    options += [f"-c statement_timeout={milliseconds}", "-c lock_timeout=5000"] if guarded else []
    options += [f"-c {name}={value}" for name, value in settings.items()]
    connection = psycopg.connect(
        dsn, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_SECONDS, options=" ".join(options)
    )
    connection.prepare_threshold = None  # a server-side plan of ours must not outlive DDL or a pooler
    return connection


@contextmanager
def session(dsn: str, *, timeout_seconds: float = 30.0, guarded: bool = True, **settings: Any) -> Iterator[Connection]:
    """A session that is closed at the end, and whose socket is shut down when the server is frozen.

    Server-side timeouts do not fire on a stopped server and the kernel keeps acknowledging, so only our own end can
    give up: after `timeout_seconds` + 5 s the socket is shut down and the waiting call raises OperationalError.
    """
    connection = connect(dsn, timeout_seconds=timeout_seconds, guarded=guarded, **settings)
    watchdog = threading.Timer(timeout_seconds + CONNECT_TIMEOUT_SECONDS, shut_down, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield connection
    finally:
        watchdog.cancel()
        connection.close()


def shut_down(connection: Connection) -> None:
    """Shut the session's socket down; whoever waits on it gets OperationalError at once."""
    with suppress(OSError, psycopg.Error):
        duplicate = socket.socket(fileno=os.dup(connection.fileno()))
        duplicate.shutdown(socket.SHUT_RDWR)
        duplicate.close()
