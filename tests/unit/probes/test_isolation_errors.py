"""Rows that could not be looked at are not rows that nobody sees."""

from __future__ import annotations

from typing import Any, cast

import psycopg
import pytest

from gonogo.core.facts import TableFacts
from gonogo.probes._isolation_sql import _count

TABLE = TableFacts(name="chunks", rows=1, size_bytes=1, tenant="tenant_id")


class Failing:
    """A session whose statements end in an error."""

    def __init__(self, error: psycopg.Error) -> None:
        self._error = error

    def execute(self, *_: Any) -> Any:
        """Fail."""
        raise self._error


@pytest.mark.parametrize("error", [psycopg.errors.QueryCanceled("timeout"), psycopg.OperationalError("gone")])
def test_a_time_limit_or_a_lost_connection_is_raised(error: psycopg.Error) -> None:
    with pytest.raises(psycopg.OperationalError):
        _count(cast("Any", Failing(error)), TABLE)


def test_a_refusal_is_an_answer() -> None:
    seen, told = _count(cast("Any", Failing(psycopg.errors.InsufficientPrivilege("permission denied"))), TABLE)
    assert (seen, told) == ({}, "chunks: permission denied")
