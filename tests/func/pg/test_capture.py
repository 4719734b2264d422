"""The application's statements, read from a real server's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.pg import statements
from gonogo.pg.capture import capture
from gonogo.pg.replay import returned_keys, send, transaction_like, with_vector
from gonogo.pg.sessions import Connection, session
from gonogo.pg.statements import EVERYTHING, statements_logged
from gonogo.stacks.contract import application_of
from gonogo.stacks.interfaces import Role

pytestmark = pytest.mark.usefixtures("reference_stack")


@pytest.fixture
def admin(reference_stack: Any) -> Iterator[Connection]:
    with session(reference_stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        yield connection


@pytest.fixture
def application(reference_stack: Any) -> Iterator[Connection]:
    with session(reference_stack.stack.postgres().dsn(Role.APPLICATION)) as connection:
        yield connection


def searching(reference_stack: Any, tenant: str, text: str, k: int = 5) -> Callable[[], None]:
    def act() -> None:
        with application_of(reference_stack.stack) as client:
            assert client.search(tenant, text, k).answer.ok

    return act


def overridden(connection: Connection) -> list[tuple[str, str]]:
    statement = (
        "SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%%auto.conf' AND name = ANY (%s) ORDER BY 1"
    )
    return connection.execute(statement, [list(EVERYTHING)]).fetchall()


def test_each_search_is_captured_with_its_own_vector_tenant_and_limit(reference_stack: Any, admin: Connection) -> None:
    acts = [searching(reference_stack, "acme", "lighthouse"), searching(reference_stack, "globex", "bread", 7)]
    first, second = capture(admin, role="rag_app", table="chunks", act=acts, deadline=Deadline.after(30))
    assert first.operator == second.operator == "<=>"
    assert [one.prelude[-1].parameters[0] for one in (first, second)] == ["acme", "globex"]
    assert (first.parameters[-1], second.parameters[-1]) == ("5", "7")
    assert first.vector != second.vector
    assert first.vector is not None
    assert first.vector.count(",") == 383


def test_other_searches_at_the_same_moment_are_told_apart(reference_stack: Any, admin: Connection) -> None:
    number = 0

    def act() -> None:
        nonlocal number
        number += 1
        searching(reference_stack, "globex", f"somebody else's question {number}")()
        searching(reference_stack, "acme", "lighthouse")()

    (found,) = capture(admin, role="rag_app", table="chunks", act=[act], deadline=Deadline.after(30))
    assert found.prelude[-1].parameters[0] == "acme"


def test_nothing_searched_is_not_measurable(admin: Connection) -> None:
    with pytest.raises(NotMeasurable, match="no statement of rag_app about chunks"):
        capture(admin, role="rag_app", table="chunks", act=[lambda: None], deadline=Deadline.after(30))


def test_what_was_set_before_comes_back(admin: Connection) -> None:
    admin.execute("ALTER SYSTEM SET log_min_duration_statement = '750ms'")
    admin.execute("SELECT pg_reload_conf()")
    before = overridden(admin)
    try:
        with statements_logged(admin, Deadline.after(30)):
            assert overridden(admin) != before
        assert overridden(admin) == before
    finally:
        admin.execute("ALTER SYSTEM RESET log_min_duration_statement")
        admin.execute("SELECT pg_reload_conf()")
    with pytest.raises(ZeroDivisionError), statements_logged(admin, Deadline.after(30)):
        raise ZeroDivisionError
    assert overridden(admin) == []


def ended(connection: Connection, reference_stack: Any) -> None:
    """The server ends a session, as a restart or a watchdog would."""
    with session(reference_stack.stack.postgres().dsn(Role.ADMIN)) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])


def test_what_was_set_comes_back_although_the_session_died(reference_stack: Any) -> None:
    dsn = reference_stack.stack.postgres().dsn(Role.ADMIN)
    with session(dsn) as connection, statements_logged(connection, Deadline.after(30)):
        ended(connection, reference_stack)
    with session(dsn) as connection:
        assert overridden(connection) == []


def test_what_stays_set_is_told(reference_stack: Any, admin: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise psycopg.OperationalError("no route to the server")

    monkeypatch.setattr(statements, "session", unreachable)
    try:
        with (
            session(reference_stack.stack.postgres().dsn(Role.ADMIN)) as connection,
            pytest.raises(NotMeasurable, match=r"log_min_duration_statement = 0.* may stay.*: no route to the server"),
            statements_logged(connection, Deadline.after(30)),
        ):
            ended(connection, reference_stack)
    finally:
        statements.restore_logging(admin, {})


def test_a_captured_search_gives_the_same_rows_when_it_is_sent_again(
    reference_stack: Any, admin: Connection, application: Connection
) -> None:
    with application_of(reference_stack.stack) as client:
        hits = client.search("acme", "lighthouse", 5).hits
    (found,) = capture(
        admin,
        role="rag_app",
        table="chunks",
        act=[searching(reference_stack, "acme", "lighthouse")],
        deadline=Deadline.after(30),
    )
    place = admin.execute("SELECT 'chunks'::regclass::oid::bigint, 1").fetchone()
    assert place is not None
    with transaction_like(application, found):
        keys = returned_keys(send(application, found.statement, found.parameters), *place)
    assert keys is not None
    assert sorted(keys) == sorted(str(hit.chunk) for hit in hits)
    assert send(application, found.statement, found.parameters).fetchall() == []  # without its tenant it sees nothing


def test_a_statement_that_does_not_return_the_key_says_so(application: Connection) -> None:
    assert returned_keys(send(application, "SELECT content FROM chunks"), 1, 1) is None


def test_a_transaction_like_the_captured_one_leaves_nothing(
    reference_stack: Any, admin: Connection, application: Connection
) -> None:
    (found,) = capture(
        admin,
        role="rag_app",
        table="chunks",
        act=[searching(reference_stack, "acme", "tides")],
        deadline=Deadline.after(30),
    )
    with transaction_like(application, found):
        assert application.execute("SELECT count(*) > 0 FROM chunks").fetchone() == (True,)
    assert application.execute("SELECT count(*) FROM chunks").fetchone() == (0,)
    with pytest.raises(psycopg.errors.UndefinedTable), transaction_like(application, found):
        application.execute("SELECT * FROM no_such_table")
    assert application.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize("cursor", [psycopg.Cursor, psycopg.ClientCursor])
@pytest.mark.parametrize("cast", ["vector", "float8[]::vector", "real[]::vector"])
def test_a_vector_sent_as_an_array_can_be_another(
    reference_stack: Any, admin: Connection, cast: str, cursor: type[psycopg.Cursor[Any]]
) -> None:
    statement = f"SELECT id FROM chunks ORDER BY embedding <=> %s::{cast} LIMIT 5"
    values = [0.5] * 384
    server = reference_stack.stack.postgres()
    with session(server.dsn(Role.ADMIN)) as asking:

        def act() -> None:
            cursor(asking).execute(statement.encode(), [values])

        (found,) = capture(
            admin, role=server.role_name(Role.ADMIN), table="chunks", act=[act], deadline=Deadline.after(30)
        )
        assert found.vector is not None
        (key, stored) = asking.execute("SELECT id::text, embedding::text FROM chunks LIMIT 1").fetchone() or ("", "")
        other = with_vector(found, stored)
        cursor_of_other = send(asking, other.statement, other.parameters)
        assert key in {str(row[0]) for row in cursor_of_other.fetchall()}
