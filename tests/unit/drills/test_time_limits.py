"""A limit of gonogo's own that runs out says nothing about the backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, NotMeasurable, StackError, StackTimedOut
from gonogo.drills import METHODS, RestoreFailed
from gonogo.drills.pg_basebackup import PgBasebackupParameters, await_end_of_recovery
from gonogo.pg import sessions
from gonogo.runners.drill import _target
from gonogo.runners.phases import PhaseClock


def starting(error: StackError) -> Any:
    """A drill of files whose server does not start."""

    def scratch(*_: Any) -> Any:
        raise error

    return SimpleNamespace(
        context=SimpleNamespace(stack=SimpleNamespace(scratch_postgres=scratch), deadline=Deadline.after(5)),
        method=METHODS.load("pg_basebackup"),
        parameters=PgBasebackupParameters(),
        artefact=object(),
        clock=PhaseClock("provision"),
        standby=None,
    )


def test_a_server_that_ends_was_not_restored() -> None:
    with pytest.raises(RestoreFailed, match="could not locate"), _target(starting(StackError("could not locate"))):
        pass


def test_a_server_that_is_still_starting_is_not_known() -> None:
    error = StackTimedOut("restored: PostgreSQL does not answer: time limit reached")
    with pytest.raises(NotMeasurable, match="time limit reached"), _target(starting(error)):
        pass


def recovering(monkeypatch: pytest.MonkeyPatch, *, paused: bool) -> None:
    """The restored server is in recovery for ever."""

    @contextmanager
    def session(*_: Any, **__: Any) -> Iterator[Any]:
        yield SimpleNamespace(
            execute=lambda statement: SimpleNamespace(fetchone=lambda: (paused if "paused" in statement else True,))
        )

    monkeypatch.setattr(sessions, "session", session)


def awaited(*, running: bool = True) -> None:
    context = SimpleNamespace(deadline=Deadline.after(0.05))
    target = SimpleNamespace(
        dsn=lambda **_: "",
        is_running=lambda: running,
        log_tail=lambda: "FATAL:  recovery ended before configured recovery target was reached",
    )
    await_end_of_recovery(cast("Any", context), cast("Any", target))


def test_a_recovery_that_goes_on_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    recovering(monkeypatch, paused=False)
    with pytest.raises(DeadlineExceeded, match="still in recovery"):
        awaited()


def test_a_recovery_that_is_paused_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    recovering(monkeypatch, paused=True)
    with pytest.raises(RestoreFailed, match="paused"):
        awaited()


def closed(*_: Any, **__: Any) -> Any:
    raise psycopg.errors.AdminShutdown("terminating connection due to administrator command")


def test_a_server_that_ends_in_its_recovery_was_not_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "session", closed)
    with pytest.raises(RestoreFailed, match="recovery ended before configured recovery target"):
        awaited(running=False)


def test_a_server_that_closed_the_session_and_lives_on_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "session", closed)
    with pytest.raises(NotMeasurable, match="administrator command"):
        awaited()
