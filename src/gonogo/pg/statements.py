"""The application's statements with their parameters, as the server's JSON log tells them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql as compose
from psycopg.conninfo import make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.pg.sessions import Connection, session
from gonogo.pg.sql import query

EVERYTHING = {"log_min_duration_statement": "0", "log_parameter_max_length": "-1"}
RELOAD_SECONDS = 5.0
RESTORE_SECONDS = 20.0
SETTLE_SECONDS = 0.05  # our own session may hear of a reload before the application's do
POLL_SECONDS = 0.005
READ_BYTES = 8 * 2**20

EXECUTED = re.compile(r"duration: [\d.]+ ms  (?:statement|execute (?!fetch from )\S+): (?P<statement>.*)", re.DOTALL)
PARAMETERS = re.compile(r"^[Pp]arameters: (?P<list>.*)", re.DOTALL)
PARAMETER = re.compile(r"\$(?P<number>\d+) = (?:NULL|'(?P<text>(?:[^']|'')*)')")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One executed statement. `parameters` are the texts of $1, $2 …; None is NULL."""

    session: str  # the same for all statements of one connection
    role: str
    statement: str
    parameters: tuple[str | None, ...] = ()


@contextmanager
def statements_logged(connection: Connection, deadline: Deadline) -> Iterator[None]:
    """While it lasts, the server logs every statement with its whole parameters. What was set before comes back.

    Needs a superuser's session, unless the server does so anyway: then nothing is set at all. Raises psycopg.Error,
    DeadlineExceeded, NotMeasurable where it would have to change a server that is only read, or could not put it back.
    """
    names = list(EVERYTHING)
    wanted = {"names": names, "values": list(EVERYTHING.values())}

    def in_effect() -> bool:
        row = connection.execute(query("capture", "in_effect"), wanted).fetchone()
        return row is not None and row[0] == len(names)

    if in_effect():
        yield
        return
    _refuse_read_only(connection)
    before, dsn = overridden(connection), _dsn(connection)
    try:
        for name, value in EVERYTHING.items():
            connection.execute(_set(name, value))
        connection.execute(query("capture", "reload"))
        what = "the server logs statements"
        deadline.within(RELOAD_SECONDS).poll(in_effect, every_seconds=POLL_SECONDS, what=what)
        deadline.sleep(SETTLE_SECONDS)
        yield
    finally:
        _put_back(connection, dsn, before)


def _dsn(connection: Connection) -> str:
    """How to reach the same server again, password included."""
    return make_conninfo("", **{**connection.info.get_parameters(), "password": connection.info.password or None})


def _put_back(connection: Connection, dsn: str, before: dict[str, str]) -> None:
    """Over a new session where the old one died meanwhile. Raises NotMeasurable: people must know what stays."""
    with suppress(psycopg.Error):
        return restore_logging(connection, before)
    try:
        with session(dsn, timeout_seconds=RESTORE_SECONDS) as another:
            restore_logging(another, before)
    except psycopg.Error as error:
        stays = ", ".join(f"{name} = {value}" for name, value in EVERYTHING.items())
        reason = error.diag.message_primary or error
        raise NotMeasurable(f"the server's log settings were not put back ({stays} may stay): {reason}") from error


def _refuse_read_only(connection: Connection) -> None:
    """PostgreSQL itself lets a read-only session change the server's settings."""
    row = connection.execute("SHOW default_transaction_read_only").fetchone()
    if row is not None and row[0] == "on":
        raise NotMeasurable("the server does not log every statement, and what is only read keeps its settings")


def overridden(connection: Connection) -> dict[str, str]:
    """What ALTER SYSTEM has made of the log settings that a capture changes."""
    return dict(connection.execute(query("capture", "overridden"), {"names": list(EVERYTHING)}).fetchall())


def restore_logging(connection: Connection, before: dict[str, str]) -> None:
    """Put the log settings back to what ALTER SYSTEM had made of them before, or to their defaults."""
    for name in EVERYTHING:
        connection.execute(_set(name, before.get(name)))
    connection.execute(query("capture", "reload"))


def _set(name: str, value: str | None) -> compose.Composed:
    setting = compose.Identifier(name)
    if value is None:
        return compose.SQL("ALTER SYSTEM RESET {}").format(setting)
    return compose.SQL("ALTER SYSTEM SET {} = {}").format(setting, compose.Literal(value))


class StatementLog:
    """Reads what the server's JSON log gains, from now on; follows one rotation between two reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._path, self._offset = self._position()
        self._rest = b""

    def _position(self) -> tuple[str, int]:
        row = self._connection.execute(query("capture", "position")).fetchone()
        if row is None or row[0] is None:
            raise NotMeasurable("the server writes no JSON log")
        return str(row[0]), int(row[1])

    def read(self) -> list[Statement]:
        """The statements that were logged since the last read, oldest first."""
        found = self._lines()
        path, _ = self._position()
        if path != self._path:
            self._path, self._offset = path, 0
            found += self._lines()
        return [statement for line in found if (statement := statement_of(line)) is not None]

    def _lines(self) -> list[bytes]:
        where = {"path": self._path, "offset": self._offset, "length": READ_BYTES}
        row = self._connection.execute(query("capture", "read"), where).fetchone()
        gained: bytes = row[0] if row is not None and row[0] is not None else b""
        self._offset += len(gained)
        *lines, self._rest = (self._rest + gained).split(b"\n")
        return lines


def statement_of(line: bytes) -> Statement | None:
    """The statement of one line of the log; None for lines about anything else.

    >>> statement_of(b'{"user": "app", "session_id": "a.1", "message": "duration: 1 ms  execute <unnamed>: SELECT $1", '
    ...              b'"detail": "Parameters: $1 = \\'it\\'\\'s\\'"}')
    Statement(session='a.1', role='app', statement='SELECT $1', parameters=("it's",))
    """
    try:
        record = json.loads(line)
    except ValueError:
        return None
    match = EXECUTED.match(record.get("message", "")) if isinstance(record, dict) else None
    if match is None:
        return None
    return Statement(
        session=str(record.get("session_id", "")),
        role=str(record.get("user", "")),
        statement=match["statement"],
        parameters=parameters_of(record.get("detail", "")),
    )


def parameters_of(detail: str) -> tuple[str | None, ...]:
    """Read the parameters of a log line's detail, as old and new servers write them.

    >>> parameters_of("parameters: $1 = 'a, $2 = b', $2 = NULL")
    ('a, $2 = b', None)
    >>> parameters_of("")
    ()
    """
    match = PARAMETERS.match(detail)
    if match is None:
        return ()
    texts = (found["text"] for found in PARAMETER.finditer(match["list"]))
    return tuple(None if text is None else text.replace("''", "'") for text in texts)
