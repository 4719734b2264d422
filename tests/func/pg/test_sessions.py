"""Sessions come back from a server that does not answer, and last as long as one that does."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from gonogo.pg import sessions
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import Role


def test_a_session_outlasts_its_limit_while_every_statement_is_answered(
    reference_stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.2)
    with session(reference_stack.stack.postgres().dsn(Role.ADMIN), timeout_seconds=1.0) as connection:
        for _ in range(4):
            connection.execute("SELECT pg_sleep(0.5)")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_statement_without_an_answer_is_given_up(reference_stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.2)
    dsn = reference_stack.stack.postgres().dsn(Role.ADMIN)
    with session(dsn, timeout_seconds=0.5, guarded=False) as connection:
        connection.execute("SELECT 1")
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(20)")
    assert time.monotonic() - began < 10
