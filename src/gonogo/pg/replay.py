"""Statements of the application, sent once more as it sent them: its role, its settings, its parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg.rows import TupleRow

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.pg.capture import Captured
from gonogo.pg.sessions import Connection
from gonogo.pg.sql import query
from gonogo.pg.statements import Statement

TO_VECTOR = r"(?:\s*::|\s+as)\s*(?:[\w\"]+\.)?\"?(?:vector|halfvec)\b(?!\"?\[)"  # a cast, in either notation


def send(connection: Connection, statement: str, parameters: Sequence[str | None] = ()) -> psycopg.RawCursor[TupleRow]:
    """Execute a logged statement whose parameters are $1, $2 …, given as the log wrote them. Raises psycopg.Error."""
    texts = [_readable(statement, number, text) for number, text in enumerate(parameters, start=1)]
    return psycopg.RawCursor(connection).execute(statement.encode(), texts or None)


def _readable(statement: str, number: int, parameter: str | None) -> str | None:
    """An array that the statement casts to a vector, in the form of a vector: as text it has no type to cast from.

    >>> _readable("SELECT $1::vector", 1, "{1,2}"), _readable("SELECT $1::float8[]::vector", 1, "{1,2}")
    ('[1,2]', '{1,2}')
    """
    if parameter and parameter.startswith("{") and re.search(rf"\${number}{TO_VECTOR}", statement, re.IGNORECASE):
        return f"[{parameter[1:-1]}]"
    return parameter


@contextmanager
def transaction_like(connection: Connection, captured: Captured, *, commit: bool = False) -> Iterator[None]:
    """A transaction with everything set as it was for the captured search; rolled back unless `commit`.

    `connection` is a session of the application's role in autocommit mode. Raises psycopg.Error.
    """
    for one in captured.lasting:
        send(connection, one.statement, one.parameters)
    with connection.transaction(force_rollback=not commit):
        for one in captured.prelude:
            send(connection, one.statement, one.parameters)
        yield


def with_vector(captured: Captured, vector: str) -> Captured:
    """The same search for another query vector, given as text, in the form that the application uses.

    Raises NotMeasurable where the search shows no vector that could be another.
    """
    old = captured.vector
    if old is None:
        raise NotMeasurable("the captured search shows no query vector: it cannot be sent with another one")
    new = vector if old.startswith("[") else f"{{{vector[1:-1]}}}"
    return replace(
        captured,
        statement=captured.statement.replace(old, new),
        parameters=tuple(parameter and parameter.replace(old, new) for parameter in captured.parameters),
    )


def with_tenant(captured: Captured, tenant: str, other: str) -> Captured:
    """The same search with `other` wherever the application had set `tenant`."""

    def changed(one: Statement) -> Statement:
        parameters = tuple(other if parameter == tenant else parameter for parameter in one.parameters)
        quoted, new = (f"'{text.replace(chr(39), chr(39) * 2)}'" for text in (tenant, other))
        return replace(one, statement=one.statement.replace(quoted, new), parameters=parameters)

    return replace(
        captured,
        prelude=tuple(changed(one) for one in captured.prelude),
        lasting=tuple(changed(one) for one in captured.lasting),
    )


def sets_tenant(captured: Captured, tenant: str) -> bool:
    """Whether the application had told the database for which tenant it searches."""
    settings = (*captured.lasting, *captured.prelude)
    quoted = "'" + tenant.replace("'", "''") + "'"
    return any(tenant in one.parameters or quoted in one.statement for one in settings)


def replayed(
    connection: Connection, table: TableFacts, searches: Sequence[Captured], *, setting: str = ""
) -> list[list[str]]:
    """The keys that searches of one tenant return, sent again as the application sent the first one.

    `setting` is SQL that holds for them alone. Raises NotMeasurable where a search does not return its table's primary
    key, psycopg.Error.
    """
    column = {"table": table.name, "column": table.primary_key[0]}
    with transaction_like(connection, searches[0]):
        place = connection.execute(query("plans", "column_place"), column).fetchone()
        if place is None:
            raise NotMeasurable(f"{table.name} has no column {column['column']}")
        if setting:
            connection.execute(setting.encode())
        found = [returned_keys(send(connection, one.statement, one.parameters), *place) for one in searches]
    keys = [one for one in found if one is not None]
    if len(keys) < len(found):
        raise NotMeasurable(f"the application's search does not return the primary key of {table.name}")
    return keys


def returned_keys(cursor: psycopg.RawCursor[TupleRow], relation: int, column: int) -> list[str] | None:
    """The values, as text, of the result column that is column number `column` of the table with oid `relation`.

    None when the statement does not return it.
    """
    result = cursor.pgresult
    if result is None:
        return None
    for position in range(result.nfields):
        if result.ftable(position) == relation and result.ftablecol(position) == column:
            values = (result.get_value(row, position) for row in range(result.ntuples))
            return [value.decode() for value in values if value is not None]
    return None
