"""The ledger on a real primary with a synchronous standby."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.func.conftest import Running

from gonogo.core.deadline import Deadline
from gonogo.core.errors import HarnessError, NotMeasurable
from gonogo.pg.ledger import APPLICATION_NAME, Fate, Ledger, count, drop_schema
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import PostgresServer

SCHEMAS = "SELECT count(*) FROM pg_namespace WHERE nspname = %s"
WAITING = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'SyncRep'"


def ledger_of(running: Running, write_timeout_seconds: float = 3.0) -> Ledger:
    return Ledger(
        lambda: running.stack.resolve("${db.url.admin}"),
        run_id=running.run.run_id,
        rate_per_second=100,
        write_timeout_seconds=write_timeout_seconds,
    )


@contextmanager
def paused(server: PostgresServer) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


def test_every_acknowledged_row_is_counted_and_nothing_is_left(reference_stack: Running) -> None:
    server = reference_stack.stack.postgres()
    with ledger_of(reference_stack) as ledger, session(server.dsn()) as connection:
        ledger.await_acknowledgement(time.monotonic() + 0.3, Deadline.after(20))
        with pytest.raises(HarnessError, match="stopped"):
            count(connection, ledger)
        ledger.stop()
        counted = count(connection, ledger)
    with session(server.dsn()) as connection:
        schemas = connection.execute(SCHEMAS, [ledger.schema]).fetchone()

    assert counted.acknowledged >= 10
    assert counted.survivors == counted.acknowledged
    assert (counted.lost, counted.holes, counted.unexpected, counted.rpo_seconds(time.monotonic())) == (0, 0, 0, 0.0)
    assert schemas == (0,)


def test_a_deleted_row_is_lost_and_a_hole_and_a_foreign_row_is_unexpected(reference_stack: Running) -> None:
    with ledger_of(reference_stack) as ledger, session(reference_stack.stack.postgres().dsn()) as connection:
        ledger.await_acknowledgement(time.monotonic() + 0.3, Deadline.after(20))
        ledger.stop()
        connection.execute(f"DELETE FROM {ledger.schema}.entries WHERE stream = 0 AND number = 2".encode())
        connection.execute(f"INSERT INTO {ledger.schema}.entries (stream, number) VALUES (9, 1)".encode())
        counted = count(connection, ledger)

    assert (counted.lost, counted.holes, counted.unexpected) == (1, 1, 1)


def test_where_the_table_is_not_there_nothing_survived(reference_stack: Running) -> None:
    server = reference_stack.stack.postgres()
    with ledger_of(reference_stack) as ledger:
        ledger.await_acknowledgement(0.0, Deadline.after(20))
        ledger.stop()
        with session(server.dsn(database="postgres")) as elsewhere:
            counted = count(elsewhere, ledger)

    assert counted.survivors == 0
    assert counted.lost == counted.acknowledged > 0


def test_a_commit_whose_wait_for_the_standby_was_cancelled_is_not_acknowledged(reference_stack: Running) -> None:
    server = reference_stack.stack.postgres()
    (standby,) = server.standbys.values()
    with ledger_of(reference_stack, write_timeout_seconds=30.0) as ledger, session(server.dsn()) as connection:
        ledger.await_acknowledgement(0.0, Deadline.after(20))
        with paused(standby):
            waiting: list[int] = []

            def somebody_waits() -> bool:
                waiting[:] = [row[0] for row in connection.execute(WAITING, [APPLICATION_NAME])]
                return bool(waiting)

            Deadline.after(20).poll(somebody_waits, every_seconds=0.02, what="a commit waits for the standby")
            connection.execute("SELECT pg_cancel_backend(%s)", [waiting[0]])
            Deadline.after(20).poll(
                lambda: any(one.reason.startswith("01000") for one in ledger.entries),
                every_seconds=0.02,
                what="the cancelled commit is reported",
            )
        ledger.stop()
        counted = count(connection, ledger)

    cancelled = [one for one in ledger.entries if one.reason.startswith("01000")]
    assert [one.fate for one in cancelled] == [Fate.INDETERMINATE] * len(cancelled)
    assert counted.recovered >= 1  # it is there, and nobody may rely on it
    assert counted.lost == 0


def test_a_frozen_server_holds_a_writer_no_longer_than_its_limit(reference_stack: Running) -> None:
    server = reference_stack.stack.postgres()
    with ledger_of(reference_stack, write_timeout_seconds=0.5) as ledger:
        ledger.await_acknowledgement(0.0, Deadline.after(20))
        with paused(server):
            frozen_at = time.monotonic()
            Deadline.after(20).poll(
                lambda: any(one.fate is Fate.INDETERMINATE for one in ledger.entries),
                every_seconds=0.02,
                what="the watchdog cuts a write off",
            )
            cut = next(one for one in ledger.entries if one.fate is Fate.INDETERMINATE)
        ledger.await_acknowledgement(time.monotonic(), Deadline.after(20))

    assert 0.5 <= cut.ended_at - cut.sent_at < 5.0
    last, first = ledger.write_gap(frozen_at)
    assert first - last >= 0.5


def test_a_refused_write_is_no_loss_and_not_indeterminate(reference_stack: Running) -> None:
    server = reference_stack.stack.postgres()
    with ledger_of(reference_stack) as ledger, session(server.dsn()) as connection:
        ledger.await_acknowledgement(0.0, Deadline.after(20))
        table = f"{ledger.schema}.entries"
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT none CHECK (false) NOT VALID".encode())
        refused_at = time.monotonic()
        Deadline.after(20).poll(
            lambda: any(one.fate is Fate.REFUSED for one in ledger.entries), every_seconds=0.02, what="a refusal"
        )
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT none".encode())
        ledger.await_acknowledgement(max(refused_at, time.monotonic()), Deadline.after(20))
        ledger.stop()
        counted = count(connection, ledger)

    assert counted.refused >= 1
    assert (counted.lost, counted.unexpected, counted.indeterminate) == (0, 0, 0)


def test_a_writer_that_fails_by_itself_is_no_silence_of_the_server(reference_stack: Running) -> None:
    good = reference_stack.stack.resolve("${db.url.admin}")
    answers = [good]
    ledger = Ledger(answers.pop, run_id="test", rate_per_second=100)
    ledger.__enter__()
    time.sleep(0.5)
    ledger.dsn = lambda: good
    with pytest.raises(HarnessError, match="ledger-0 failed: pop from empty list"):
        ledger.__exit__(None, None, None)
    with session(reference_stack.stack.postgres().dsn()) as connection:
        assert connection.execute(SCHEMAS, [ledger.schema]).fetchone() == (0,)


def test_where_nothing_can_be_written_nothing_can_be_measured(reference_stack: Running) -> None:
    (standby,) = reference_stack.stack.postgres().standbys.values()
    ledger = Ledger(standby.dsn, run_id="test", rate_per_second=100)

    with pytest.raises(NotMeasurable, match="read-only transaction"):
        ledger.__enter__()


class Kept:
    """A note that a test can read; it sees whether the schema was there when it was told of."""

    def __init__(self, exists: Callable[[str], bool]) -> None:
        self.told: list[str] = []
        self._exists = exists

    def announce(self, schema: str) -> None:
        """Before it is there."""
        self.told.append(f"announced, {'there' if self._exists(schema) else 'not there'}")

    def dropped(self) -> None:
        """It is gone."""
        self.told.append("dropped")

    def left(self, reason: str) -> None:
        """It stays."""
        self.told.append(f"left: {reason}")


def test_a_schema_is_announced_before_it_is_there_and_what_became_of_it_is_told(reference_stack: Running) -> None:
    good = reference_stack.stack.resolve("${db.url.admin}")
    with session(reference_stack.stack.postgres().dsn()) as connection:
        note = Kept(lambda schema: connection.execute(SCHEMAS, [schema]).fetchone() == (1,))
        ledger = Ledger(lambda: good, run_id="test", rate_per_second=100, note=note)
        with ledger:
            ledger.await_acknowledgement(0.0, Deadline.after(20))
            ledger.stop()
            ledger.dsn = lambda: "host=127.0.0.1 port=1 connect_timeout=2"
        first, second = note.told
        assert first == "announced, not there"
        assert second.startswith("left: ")
        assert "refused" in second

        ledger.dsn = lambda: good
        ledger.__exit__(None, None, None)
        assert note.told[2:] == ["dropped"]
        assert connection.execute(SCHEMAS, [ledger.schema]).fetchone() == (0,)
        with pytest.raises(HarnessError, match="public is no schema of a ledger"):
            drop_schema(connection, "public")
