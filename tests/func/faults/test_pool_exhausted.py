"""Every connection that the application could have is held."""

from __future__ import annotations

import psycopg
import pytest
from tests.func.conftest import Running

from gonogo.core.deadline import Deadline
from gonogo.faults import FAULTS, FaultDidNotLand
from gonogo.faults.pool_exhausted import HOLDER, PoolExhaustedParameters
from gonogo.pg.sessions import session
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.interfaces import PostgresServer, Role

FAULT = FAULTS.load("pool_exhausted")
NOW = PoolExhaustedParameters.model_validate({"after": "0s", "hold": "0s"})
USERS = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND application_name <> %s"


def application_backends(server: PostgresServer) -> int:
    with session(server.dsn(), timeout_seconds=10) as connection:
        row = connection.execute(USERS, [server.role_name(Role.APPLICATION), HOLDER]).fetchone()
        assert row is not None
        return int(row[0])


def test_no_connection_is_left_to_the_application_until_it_heals(reference_stack: Running) -> None:
    context, _ = reference_stack.context("chaos/test")
    server = reference_stack.stack.postgres()
    question = questions_of(reference_stack.stack)[0]
    held = FAULT.inject(context, NOW)
    try:
        with pytest.raises(psycopg.OperationalError, match="remaining connection slots"):
            psycopg.connect(server.dsn(Role.APPLICATION))
        with application_of(reference_stack.stack) as application:
            during = application.search(question.tenant, question.question).answer
            ready = application.ready()
        assert application_backends(server) == 0
    finally:
        proof = held.heal(context)

    assert during.status == 503
    assert during.headers["retry-after"].isdecimal()
    assert ready.status == 503
    assert "the application has none" in held.proof
    assert "connects again" in proof
    assert held.heal(context) == proof
    with application_of(reference_stack.stack) as application:
        Deadline.after(20).poll(
            lambda: application.search(question.tenant, question.question).answer.ok,
            every_seconds=0.1,
            what="the application answers again",
        )
    assert application_backends(server) >= 1
    assert not [one for one in reference_stack.run.state.open_records() if one.kind.startswith("fault:")]


def test_a_role_that_cannot_connect_for_another_reason_is_no_exhausted_pool(reference_stack: Running) -> None:
    context, _ = reference_stack.context("chaos/test")
    server = reference_stack.stack.postgres()
    role = server.role_name(Role.APPLICATION)
    with session(server.dsn(), timeout_seconds=10) as connection:
        connection.execute(f"ALTER ROLE {role} NOLOGIN".encode())
        try:
            with pytest.raises(FaultDidNotLand, match="another reason"):
                FAULT.inject(context, NOW)
        finally:
            connection.execute(f"ALTER ROLE {role} LOGIN".encode())
