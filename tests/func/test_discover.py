"""What is found out about a database although one of its tables does not answer in time."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.engine import discover as discovering
from gonogo.engine.discover import discover
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import Role


@pytest.fixture
def with_slow(fresh_stack: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stack with a declared table whose rows take a minute to be counted."""
    monkeypatch.setattr(discovering, "STATEMENT_SECONDS", 1.0)
    stack = fresh_stack(stack_changes={"data.tables.slow": {}})
    with session(stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        connection.execute(
            "CREATE VIEW slow AS SELECT 1 AS id FROM generate_series(1, 60) WHERE pg_sleep(1) IS NOT NULL"
        )
    return stack


def test_a_table_that_cannot_be_counted_in_time_is_estimated_and_the_others_are_known(with_slow: Any) -> None:
    facts = discover(with_slow.stack)
    assert facts.database_read
    assert (facts.tables["slow"].rows, facts.tables["slow"].vectors) == (60, None)
    assert facts.tables["chunks"].rows == with_slow.facts.tables["chunks"].rows > 0
    assert facts.tables["chunks"].vector_index
    assert [one for one in facts.problems if "slow" in one] == [
        "table slow has about 60 rows; they cannot be counted: canceling statement due to statement timeout"
    ]
