"""The connection pool and tenant transactions.

What goes wrong in the database leaves this module only as DatabaseBusy, DatabaseTimeout or DatabaseUnavailable; any
other error of the driver is a bug of ours and ends as a plain 500. Every wait is bounded, also when the server is
frozen: a transaction that takes longer than its time has its socket shut down under it, since no server-side timeout
and no cancellation can end it then.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from .errors import DatabaseBusy, DatabaseTimeout, DatabaseUnavailable, ServiceError
from .logs import event

Connection = psycopg.AsyncConnection[TupleRow]
Result = TypeVar("Result")

_CONNECT_TIMEOUT_SECONDS: Final = 2
_RECONNECT_INTERVAL_SECONDS: Final = 0.2
_CHECK_SECONDS: Final = 1.0
_RETRY_AFTER_SECONDS: Final = 1
# The driver has no sqlstate for a refused connection: the text is all there is.
_NO_FREE_SLOT: Final = ("remaining connection slots", "too many clients", "too many connections")


class _Deadline:
    """Cuts a connection off at the socket once its time is over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.expired = False

    def cut(self) -> None:
        self.expired = True
        # A duplicate of the descriptor: closing it leaves the driver's own bookkeeping alone.
        with (
            contextlib.suppress(OSError, psycopg.OperationalError),
            socket.socket(fileno=os.dup(self._connection.pgconn.socket)) as duplicate,
        ):
            duplicate.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _deadline(connection: Connection, seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline(connection)
    timer = asyncio.get_running_loop().call_later(seconds, deadline.cut)
    try:
        yield deadline
    finally:
        timer.cancel()


class _Pool(AsyncConnectionPool[Connection]):
    """A pool whose check of idle connections is bounded as well."""

    @staticmethod
    async def check_connection(conn: Connection) -> None:
        with _deadline(conn, _CHECK_SECONDS):
            await AsyncConnectionPool.check_connection(conn)


class Database:
    """Runs pieces of work as tenant transactions on pooled connections."""

    version_query = "SELECT max(version) FROM schema_migrations"

    def __init__(self, url: str, *, pool_min: int, pool_max: int, pool_timeout: float, timeout: float) -> None:
        self.timeout = timeout
        self.pool_timeout = pool_timeout
        self._reachable = True
        self._refused = False
        self._checking = asyncio.Lock()
        self._supervisor: asyncio.Task[None] | None = None
        self.pool = _Pool(
            url,
            connection_class=self._reporting_connection(),
            # Unprepared statements are planned for their parameters, and work behind any connection pooler.
            kwargs={
                "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
                "prepare_threshold": None,
                "application_name": "reference_rag",
            },
            min_size=pool_min,
            max_size=pool_max,
            timeout=pool_timeout,
            max_lifetime=1800,
            # Give up soon and let _supervise start over: the pool's own back-off would grow to many seconds.
            reconnect_timeout=_RECONNECT_INTERVAL_SECONDS,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting, without waiting for success: the service starts before its database, if need be."""
        await self.pool.open()
        self._supervisor = asyncio.create_task(self._supervise())

    async def close(self) -> None:
        """Close every connection."""
        if self._supervisor:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        await self.pool.close(timeout=2.0)

    async def read(self, tenant: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run `work` and return what it returns; when the connection breaks, run it once more on another one."""
        return await self._run(tenant, work, repeatable=True)

    async def write(self, tenant: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run `work` in one transaction, once: after a broken connection nobody knows whether it was committed."""
        return await self._run(tenant, work, repeatable=False)

    async def schema_version(self, wait_seconds: float) -> str | None:
        """The newest migration of the database, within twice `wait_seconds`; None when there is none."""
        connection = await self._acquire(wait_seconds)
        try:
            with _deadline(connection, wait_seconds) as deadline:
                try:
                    cursor = await connection.execute(self.version_query.encode())
                    row = await cursor.fetchone()
                except pg.UndefinedTable:
                    row = None
                except psycopg.Error as error:
                    raise await self._failure(connection, error, deadline) from error
                finally:
                    await _roll_back(connection)
        finally:
            await self.pool.putconn(connection)
        return row[0] if row else None

    async def begin(self, connection: Connection, tenant: str) -> None:
        """Open a transaction that sees the rows of `tenant` only; the setting ends with the transaction."""
        await connection.execute("SELECT set_config('app.tenant', %s, true)", [tenant])

    async def _run(self, tenant: str, work: Callable[[Connection], Awaitable[Result]], *, repeatable: bool) -> Result:
        for attempt in (1, 2):
            connection = await self._acquire(self.pool_timeout)
            begun = False
            try:
                with _deadline(connection, self.timeout) as deadline:
                    try:
                        await self.begin(connection, tenant)
                        begun = True
                        result = await work(connection)
                        await _commit(connection)
                    except psycopg.Error as error:
                        failure = await self._failure(connection, error, deadline)
                    else:
                        self._note_reachable(reachable=True)
                        return result
                    finally:
                        await _roll_back(connection)
            finally:
                await self.pool.putconn(connection)
            lost = isinstance(failure, DatabaseUnavailable)
            if attempt == 2 or not lost or (begun and not repeatable):
                raise failure
            await self._discard_broken()
        raise AssertionError  # the loop returns or raises

    async def _acquire(self, wait_seconds: float) -> Connection:
        try:
            return await self.pool.getconn(timeout=wait_seconds)
        except PoolTimeout:
            busy = self._reachable or self._refused
            raise (DatabaseBusy if busy else DatabaseUnavailable)(retry_after=_RETRY_AFTER_SECONDS) from None

    async def _failure(self, connection: Connection, error: psycopg.Error, deadline: _Deadline) -> Exception:
        """The error that the caller gets for the driver's `error`."""
        kind: type[ServiceError]
        if deadline.expired or isinstance(error, pg.QueryCanceled):
            kind = DatabaseTimeout
        elif isinstance(error, pg.LockNotAvailable | pg.DeadlockDetected):
            kind = DatabaseBusy
        elif connection.closed or isinstance(error, pg.ReadOnlySqlTransaction | _NotReplicated):
            # A read-only server is a demoted primary: this connection leads to the wrong place.
            await connection.close()
            kind = DatabaseUnavailable
        else:
            return error
        event("database error", level=logging.WARNING, kind=kind.code, sqlstate=error.sqlstate)
        if connection.closed:
            self._note_reachable(reachable=False)
        return kind(retry_after=_RETRY_AFTER_SECONDS)

    async def _discard_broken(self) -> None:
        """Throw dead idle connections away at once, instead of serving each of them to a request first."""
        async with self._checking:
            await self.pool.check()

    async def _supervise(self) -> None:
        """Keep the pool at its minimum size; after an outage it fills within a fraction of a second."""
        while True:
            await asyncio.sleep(_RECONNECT_INTERVAL_SECONDS)
            if self.pool.get_stats()["pool_size"] < self.pool.min_size:
                await self._discard_broken()

    def _reporting_connection(self) -> type[Connection]:
        """A connection class that tells this object whether connecting works."""
        database = self

        class ReportingConnection(psycopg.AsyncConnection[TupleRow]):
            @classmethod
            async def connect(cls, conninfo: str = "", **kwargs: Any) -> "ReportingConnection":
                try:
                    connection = await super().connect(conninfo, **kwargs)
                except psycopg.OperationalError as error:
                    database._refused = any(text in str(error) for text in _NO_FREE_SLOT)
                    database._note_reachable(reachable=False)
                    raise
                database._refused = False
                database._note_reachable(reachable=True)
                return connection

        return ReportingConnection

    def _note_reachable(self, *, reachable: bool) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            event("database reachable" if reachable else "database unreachable", level=logging.WARNING)


class _NotReplicated(psycopg.Warning):
    """A commit whose wait for the synchronous standby was cancelled: durable here only, hence not acknowledged."""


async def _commit(connection: Connection) -> None:
    warnings: list[str | None] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.sqlstate)

    connection.add_notice_handler(note)
    try:
        await connection.commit()
    finally:
        connection.remove_notice_handler(note)
    if "01000" in warnings:
        raise _NotReplicated


async def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        await connection.rollback()
