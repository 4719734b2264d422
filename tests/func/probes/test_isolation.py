"""Leak probes on the reference stack: silent when it is tight, loud when it leaks, and honest when they cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.pg.sessions import session
from gonogo.probes import PROBES
from gonogo.stacks.contract import application_of
from gonogo.stacks.interfaces import Role


def leaks(stack: Any, **parameters: Any) -> tuple[str, ...]:
    """Run the probe and return what leaked."""
    context, recorder = stack.context("checks/isolation")
    probe = PROBES.load("isolation")
    for observation in probe.observe(context, probe.parameters.model_validate(parameters)):
        context.observe(observation)
    assert recorder.value("owner_finds_own") is True
    found: tuple[str, ...] = recorder.value("leaks")
    return found


def execute(stack: Any, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements as the administrator and return the rows of the last one."""
    with session(stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def canaries(stack: Any) -> int:
    """Canaries in the database."""
    (row,) = execute(stack, "SELECT count(*) FROM chunks WHERE document_id LIKE 'gonogo-canary-%'")
    return int(row[0])


def test_a_tight_stack_leaks_by_no_way_and_keeps_no_canary(reference_stack: Any) -> None:
    assert leaks(reference_stack, through="api", ways=("search", "chat", "document", "delete", "overwrite")) == ()
    assert canaries(reference_stack) == 0
    assert leaks(reference_stack, through="sql", ways=("rows", "no_tenant", "nearest", "session", "write")) == ()


def test_canaries_of_a_killed_run_are_deleted_at_the_next_start(reference_stack: Any) -> None:
    with application_of(reference_stack.stack) as application:
        assert application.ingest("acme", "gonogo-canary-dead", "Left over", "The run was killed.").ok
    assert canaries(reference_stack) == 1
    assert leaks(reference_stack, through="api", ways=("search",)) == ()
    assert canaries(reference_stack) == 0


def test_an_open_policy_is_seen_by_rows_and_by_an_unset_tenant(fresh_stack: Callable[..., Any]) -> None:
    stack = fresh_stack()
    execute(stack, "CREATE POLICY everybody ON documents FOR SELECT USING (true)")
    found = leaks(stack, through="sql", ways=("rows", "no_tenant"))
    assert any(one.startswith("acme sees") and "globex in documents" in one for one in found)
    assert any(one.startswith("without a tenant") for one in found)
    assert leaks(stack, through="sql", ways=("nearest", "write")) == ()


def test_disabled_row_security_is_seen_by_the_applications_own_search(fresh_stack: Callable[..., Any]) -> None:
    stack = fresh_stack()
    execute(stack, "ALTER TABLE chunks DISABLE ROW LEVEL SECURITY", "ALTER TABLE documents DISABLE ROW LEVEL SECURITY")
    assert any("search by" in one for one in leaks(stack, through="sql", ways=("nearest",)))
    assert any("by search" in one for one in leaks(stack, through="api", ways=("search",)))
    assert canaries(stack) == 0


def test_a_role_that_row_security_does_not_bind_shows_nothing(fresh_stack: Callable[..., Any]) -> None:
    stack = fresh_stack()
    execute(stack, "ALTER ROLE rag_app BYPASSRLS")
    with pytest.raises(NotMeasurable, match="bypasses row security"):
        leaks(stack, through="sql")


def test_without_the_positive_control_nothing_is_claimed(fresh_stack: Callable[..., Any]) -> None:
    stack = fresh_stack()
    execute(stack, "CREATE POLICY nobody ON chunks AS RESTRICTIVE FOR SELECT USING (false)")
    with pytest.raises(NotMeasurable, match="does not find its own canary"):
        leaks(stack, through="api", ways=("search",))
    with pytest.raises(NotMeasurable, match="no owner reached what is its own"):
        leaks(stack, through="sql", ways=("nearest",))


def test_an_unknown_way_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="allows search, chat, document"):
        PROBES.load("isolation").parameters.model_validate({"through": "api", "ways": ["rows"]})
