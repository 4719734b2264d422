"""The ledger: numbered writes with the instant of acknowledgement, one sequential writer per stream.

Data loss is counted from what was acknowledged. A write whose answer was lost is indeterminate; so is a commit that
came with a warning, since a cancelled wait for the synchronous standby is told that way and in no other.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

import psycopg
from psycopg import sql

from gonogo.core.deadline import Deadline
from gonogo.core.errors import HarnessError, NotMeasurable
from gonogo.pg.sessions import Connection, session, shut_down
from gonogo.pg.sql import query
from gonogo.pg.tally import Entry, Fate, Key, LedgerCount, longest_silence, tally

__all__ = ["Entry", "Fate", "Key", "Ledger", "LedgerCount", "Note", "count", "drop_schema", "survivors"]

APPLICATION_NAME = "gonogo_ledger"
CONNECT_TIMEOUT_SECONDS = 2  # the smallest that libpq takes
WRITE_TIMEOUT_SECONDS = 3.0
RECONNECT_SECONDS = 0.01
WATCH_SECONDS = 0.05
TABLE_SECONDS = 15.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.01
UNKNOWN_OUTCOME = "40003"  # statement_completion_unknown
PREFIX = "gonogo_ledger_"


class Note(Protocol):
    """Where it is kept that a ledger's schema must not stay: for a database that outlives a killed run."""

    def announce(self, schema: str) -> None:
        """It is about to be created."""

    def dropped(self) -> None:
        """It is gone."""

    def left(self, reason: str) -> None:
        """It could not be dropped."""


class Ledger:
    """Writes `rate_per_second` rows, shared by the streams, wherever `dsn()` leads to.

    `dsn` may name several hosts with target_session_attrs=read-write: then the writers follow a failover. Entering
    creates a schema of the ledger's own (else NotMeasurable) and starts the writers; leaving stops them and drops it.
    Without a `note` the database is one that ends with the run.
    """

    def __init__(
        self,
        dsn: Callable[[], str],
        *,
        run_id: str,
        rate_per_second: float,
        streams: int = 2,
        write_timeout_seconds: float = WRITE_TIMEOUT_SECONDS,
        note: Note | None = None,
    ) -> None:
        # A name of its own: a stray writer of an earlier ledger can never write into this one.
        name = re.sub(r"\W", "_", run_id.lower())
        self.schema = f"{PREFIX}{name}_{secrets.token_hex(3)}"
        self.dsn = dsn
        self.write_timeout_seconds = write_timeout_seconds
        self.stopping = threading.Event()
        self._note = note
        self._streams = [_Stream(self, number, streams / rate_per_second) for number in range(streams)]
        self._watchdog = threading.Thread(target=self._watch, name="ledger-watchdog", daemon=True)

    def __enter__(self) -> Self:
        if self._note is not None:
            self._note.announce(self.schema)
        try:
            with session(self.dsn(), timeout_seconds=TABLE_SECONDS) as connection:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema)))
                connection.execute(self.statement("create"))
        except psycopg.Error as error:
            with suppress(psycopg.Error):
                self._drop()
            raise NotMeasurable(f"no ledger can be written: {' '.join(str(error).split())}") from error
        for stream in self._streams:
            stream.thread.start()
        self._watchdog.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stop()
        finally:
            self._drop()

    def _drop(self) -> None:
        try:
            with session(self.dsn(), timeout_seconds=TABLE_SECONDS) as connection:
                drop_schema(connection, self.schema)
        except psycopg.Error as error:
            if self._note is not None:
                self._note.left(" ".join(str(error).split()))
            elif not isinstance(error, psycopg.OperationalError):  # where the server is gone, so is the schema
                raise
        else:
            if self._note is not None:
                self._note.dropped()

    def end(self) -> None:
        """Tell the writers to end, and do not wait: each ends with the write that it is at. `stop` waits for them."""
        self.stopping.set()

    def stop(self) -> None:
        """End the writers and wait for them. Idempotent. Raises HarnessError."""
        self.stopping.set()
        limit = Deadline.after(STOP_SECONDS)
        for thread in (*(stream.thread for stream in self._streams), self._watchdog):
            thread.join(limit.remaining_seconds)
            if thread.is_alive():
                raise HarnessError(f"{thread.name} did not stop within {STOP_SECONDS:.0f} s")
        for stream in self._streams:
            if stream.crash is not None:  # its silence is ours and must not look like the server's
                raise HarnessError(f"{stream.thread.name} failed: {stream.crash}") from stream.crash

    @property
    def stopped(self) -> bool:
        """Whether no writer runs any more."""
        return self.stopping.is_set() and not any(stream.thread.is_alive() for stream in self._streams)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every write that has ended so far."""
        return tuple(entry for stream in self._streams for entry in tuple(stream.entries))

    def acknowledged_before(self, instant: float) -> tuple[Entry, ...]:
        """The writes that were acknowledged up to a monotonic instant."""
        return tuple(entry for entry in self.entries if entry.acknowledged_at and entry.acknowledged_at <= instant)

    def first_acknowledged_after(self, instant: float) -> float | None:
        """The first acknowledgement of a write that was *sent* after a monotonic instant; None so far."""
        return min(
            (one.ended_at for one in self.entries if one.acknowledged_at and one.sent_at > instant), default=None
        )

    def await_acknowledgement(self, after: float, deadline: Deadline) -> float:
        """Wait for a write that was sent after `after`; returns its acknowledgement. Raises DeadlineExceeded."""
        deadline.poll(
            lambda: self.first_acknowledged_after(after) is not None,
            every_seconds=POLL_SECONDS,
            what=f"a write is acknowledged ({self.last_trouble or 'no error seen'})",
        )
        acknowledged_at = self.first_acknowledged_after(after)
        assert acknowledged_at is not None
        return acknowledged_at

    @property
    def last_trouble(self) -> str:
        """What a writer was told last when it could not write; "" when nothing went wrong so far."""
        return max(((stream.trouble_at, stream.trouble) for stream in self._streams), default=(0.0, ""))[1]

    def write_gap(self, after: float, until: float | None = None) -> tuple[float, float]:
        """The longest stretch without acknowledgement that ends after `after`, as the worst-off stream saw it.

        Returns the last acknowledgement before it and the first one after it (`until`, default now, when none came).
        """
        end = time.monotonic() if until is None else until
        gaps = [longest_silence(stream.acknowledged(), after=after, until=end) for stream in self._streams]
        return max(gaps, key=lambda gap: gap[1] - gap[0])

    def statement(self, name: str) -> sql.Composed:
        """A statement of queries/ledger.sql on this ledger's table."""
        return sql.SQL(query("ledger", name)).format(schema=sql.Identifier(self.schema))

    def _watch(self) -> None:
        """Cut off what hangs: no server-side timeout covers a frozen server or the wait for a standby."""
        while any(stream.thread.is_alive() for stream in self._streams):
            for stream in self._streams:
                stream.cut_if_hanging(self.write_timeout_seconds)
            time.sleep(WATCH_SECONDS)


def drop_schema(connection: Connection, schema: str) -> None:
    """Drop the schema of a ledger, wherever its name was kept. Idempotent. Raises HarnessError for any other schema."""
    if not schema.startswith(PREFIX):
        raise HarnessError(f"{schema} is no schema of a ledger")
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


class _Stream:
    """One sequential writer."""

    def __init__(self, ledger: Ledger, stream: int, pause_seconds: float) -> None:
        self.entries: list[Entry] = []
        self.trouble, self.trouble_at = "", 0.0
        self.crash: Exception | None = None
        self.thread = threading.Thread(target=self._run, name=f"ledger-{stream}", daemon=True)
        self._ledger = ledger
        self._stream = stream
        self._pause = pause_seconds
        self._connection: Connection | None = None
        self._warnings: list[str] = []
        self._busy_since: float | None = None
        self._guard = threading.Lock()  # the socket is not closed while the watchdog looks at it

    def acknowledged(self) -> list[float]:
        """The instants of acknowledgement."""
        return [entry.ended_at for entry in tuple(self.entries) if entry.acknowledged_at is not None]

    def cut_if_hanging(self, limit_seconds: float) -> None:
        """Shut the socket of a write down that takes too long."""
        with self._guard:
            since = self._busy_since
            if since is not None and self._connection and time.monotonic() - since > limit_seconds:
                shut_down(self._connection)

    def _run(self) -> None:
        try:
            self._write_on()
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: raised again by `stop`
            self.crash = error
        finally:
            self._close()

    def _write_on(self) -> None:
        number = 0
        due = time.monotonic() + self._pause * self._stream / 2
        while not self._ledger.stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._pause, time.monotonic())  # what an outage held up is not caught up with
            if self._connection is None and not self._connect():
                due = time.monotonic() + RECONNECT_SECONDS
                continue
            number += 1
            self.entries.append(self._write(number))

    def _connect(self) -> bool:
        try:
            connection = psycopg.connect(
                self._ledger.dsn(), autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name=APPLICATION_NAME,
            )  # fmt: skip
        except psycopg.Error as error:
            self._note(error)
            return False
        connection.prepare_threshold = None
        connection.add_notice_handler(self._hear)
        self._connection = connection
        return True

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(f"{notice.sqlstate}: {notice.message_primary}")

    def _write(self, number: int) -> Entry:
        connection = self._connection
        assert connection is not None
        self._warnings.clear()
        statement = self._ledger.statement("write")
        fate, reason = Fate.ACKNOWLEDGED, ""
        sent_at = self._busy_since = time.monotonic()
        try:
            connection.execute(statement, [self._stream, number])
            ended_at = time.monotonic()
        except psycopg.Error as error:
            ended_at = time.monotonic()
            fate, reason = _fate_of(error, connection), str(error).strip()
            self._note(error)
        finally:
            self._busy_since = None
        if fate is Fate.ACKNOWLEDGED and self._warnings:
            fate, reason = Fate.INDETERMINATE, self._warnings[0]
        if fate is not Fate.ACKNOWLEDGED:
            self._close()  # it may lead to a server that is no primary any more
        return Entry(
            stream=self._stream, number=number, sent_at=sent_at, ended_at=ended_at, fate=fate, reason=reason
        )  # fmt: skip

    def _note(self, error: psycopg.Error) -> None:
        self.trouble, self.trouble_at = " ".join(str(error).split()), time.monotonic()

    def _close(self) -> None:
        with self._guard, suppress(psycopg.Error):
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def _fate_of(error: psycopg.Error, connection: Connection) -> Fate:
    """An ERROR on a living connection says that nothing was committed; everything else says nothing."""
    definite = error.sqlstate not in {None, UNKNOWN_OUTCOME} and not connection.closed
    return Fate.REFUSED if definite else Fate.INDETERMINATE


def count(
    connection: Connection, ledger: Ledger, *, until: float | None = None, disaster_at: float | None = None
) -> LedgerCount:
    """Count a stopped ledger on any server, also on a restored one; a table that is not there has no survivors.

    `until` and `disaster_at` (monotonic seconds) as for `tally`.
    """
    if not ledger.stopped:
        raise HarnessError("a ledger is counted when its writers have stopped")
    return tally(ledger.entries, survivors(connection, ledger), until=until, disaster_at=disaster_at)


def survivors(connection: Connection, ledger: Ledger) -> set[Key]:
    """The rows of a ledger that a server holds."""
    exists = connection.execute(ledger.statement("exists"), [f"{ledger.schema}.entries"]).fetchone()
    rows = connection.execute(ledger.statement("read")).fetchall() if exists and exists[0] else []
    return {(int(stream), int(number)) for stream, number in rows}
