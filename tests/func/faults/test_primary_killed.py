"""The primary dies with its whole process tree, and comes back as a standby."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from tests.func.conftest import Running

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import Interrupted
from gonogo.faults import FAULTS, FaultDidNotLand
from gonogo.faults.primary_killed import PrimaryKilledParameters
from gonogo.pg.sessions import connect, session
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.interfaces import KillProof, PostgresServer, Stack
from gonogo.stacks.local.processes import read_process

FAULT = FAULTS.load("primary_killed")
BUSY = "SELECT count(*) FROM generate_series(1, 100000000) AS one(n) WHERE md5(n::text) = ''"
NOW = PrimaryKilledParameters.model_validate({"after": "0s", "hold": "0s"})


def is_writable(server: PostgresServer) -> bool:
    with session(server.dsn(), timeout_seconds=10) as connection:
        row = connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()
        assert row is not None
        return bool(row[0])


def segments_made_by(pid: int) -> list[str]:
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [line for line in lines if int(line.split()[4]) == pid]


def answers_rightly(running: Running) -> bool:
    question = questions_of(running.stack)[0]
    with application_of(running.stack) as application:
        return question.document in {
            hit.document for hit in application.search(question.tenant, question.question).hits
        }


def test_the_standby_takes_over_the_old_primary_rejoins_and_the_stack_is_ready_for_the_next_fault(
    fresh_stack: Callable[..., Running],
) -> None:
    running = fresh_stack()
    context, _ = running.context("chaos/test")
    stack = running.stack
    before = stack.postgres()
    (postmaster,) = before.pids()
    killed = FAULT.inject(context, NOW)

    assert stack.postgres().name == "db/replica"
    assert segments_made_by(postmaster)
    assert not before.is_running()
    assert "processes gone" in killed.proof
    assert "db/replica was promoted" in killed.proof

    proof = killed.heal(context)

    assert not segments_made_by(postmaster), "nobody could find it again: its data directory is gone"
    assert killed.heal(context) == proof
    assert "db streams from db/replica" in proof
    assert [is_writable(cast("PostgresServer", stack.services[name])) for name in ("db", "db/replica")] == [False, True]
    assert not [one for one in running.run.state.open_records() if one.kind.startswith("fault:")]

    FAULT.inject(context, NOW).heal(context)  # and back again

    assert stack.postgres().name == "db"
    Deadline.after(20).poll(lambda: answers_rightly(running), every_seconds=0.1, what="the application found it")


def test_a_backend_that_is_busy_dies_with_its_server(fresh_stack: Callable[..., Running]) -> None:
    """It would go on for seconds, acknowledge, and block a restart: a split brain in small."""
    running = fresh_stack()
    context, _ = running.context("chaos/test")
    connection = connect(running.stack.postgres().dsn(), timeout_seconds=60, max_parallel_workers_per_gather=2)
    pid = connection.info.backend_pid

    def work() -> None:
        with suppress(psycopg.Error):
            connection.execute(BUSY)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    time.sleep(0.3)
    killed = FAULT.inject(context, NOW)

    assert read_process(pid) is None
    thread.join(10)
    assert not thread.is_alive()
    connection.close()
    killed.heal(context)


class PostmasterOnly:
    """A server whose kill misses everything but the postmaster, as killing by process id does."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def kill(self) -> KillProof:
        (pid,) = self._server.pids()
        killed_at = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        Deadline.after(10).poll(lambda: not self._server.is_running(), every_seconds=0.01, what="it ends")
        return KillProof(killed_at=killed_at, gone_at=time.monotonic(), pids=(pid,))


class Sabotaged:
    """The stack with that server."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stack, name)

    def postgres(self, name: str | None = None) -> Any:
        return PostmasterOnly(self._stack.postgres(name))


def test_a_kill_that_leaves_processes_is_not_believed_and_nothing_is_promoted(
    fresh_stack: Callable[..., Running],
) -> None:
    running = fresh_stack()
    context, _ = running.context("chaos/test")
    sabotaged = replace(context, stack=cast("Stack", Sabotaged(running.stack)))

    with pytest.raises(FaultDidNotLand, match="only 1 processes of db were killed"):
        FAULT.inject(sabotaged, NOW)

    assert running.stack.postgres().name == "db"
    assert is_writable(running.stack.postgres())
    assert not is_writable(running.stack.postgres("db/replica"))


def test_an_interruption_before_the_promotion_brings_the_old_primary_back(fresh_stack: Callable[..., Running]) -> None:
    running = fresh_stack()
    context, _ = running.context("chaos/test")
    interruption = Interruption()
    threading.Timer(1.0, interruption.set, ["SIGINT"]).start()
    interrupted = replace(context, deadline=Deadline.after(60, interruption))

    with pytest.raises(Interrupted):
        FAULT.inject(interrupted, PrimaryKilledParameters.model_validate({"promotion_delay": "50s"}))

    assert running.stack.postgres().name == "db"
    assert is_writable(running.stack.postgres())
    assert not [one for one in running.run.state.open_records() if one.kind.startswith("fault:")]
