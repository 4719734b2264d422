"""The facts file of a live database: read, and nothing else."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from gonogo.core.errors import NotMeasurable, UsageError
from gonogo.core.redact import Redactor
from gonogo.pg.portrait import Portrait, portrait_bytes, take_portrait
from gonogo.pg.reading import server_words
from gonogo.pg.sessions import session
from gonogo.rundir.files import write_atomically

READ_SECONDS = 3600.0


def portrait_of(dsn: str) -> Portrait:
    """Read the database of a connection string in a read-only session. Raises UsageError, NotMeasurable."""
    try:
        named = make_conninfo(dsn, client_encoding="UTF8")  # of a database without an encoding names would be bytes
        with session(named, timeout_seconds=READ_SECONDS, default_transaction_read_only="on") as connection:
            return take_portrait(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotMeasurable(server_words(error)) from error
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise UsageError(Redactor().text(f"the database cannot be read: {server_words(error)}")) from None


def write_portrait(dsn: str, out: Path) -> Portrait:
    """Write the facts file of a live database."""
    portrait = portrait_of(dsn)
    write_atomically(out, portrait_bytes(portrait))
    return portrait
