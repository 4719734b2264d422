"""Discovery: read what is, before anything is planned. Nothing is changed, and what cannot be read is said."""

from __future__ import annotations

import os
import platform
from typing import Any

import psycopg
from psycopg import sql as compose

from gonogo.core.errors import GonogoError
from gonogo.core.facts import PASSAGES, Facts, TableFacts
from gonogo.core.outcome import Capability
from gonogo.pg.sessions import Connection, session
from gonogo.pg.sql import query
from gonogo.spec.stack import TableSpec
from gonogo.stacks.interfaces import Role, Stack

STATEMENT_SECONDS = 20.0


def discover(stack: Stack) -> Facts:
    """The facts of a running stack. Never raises for what the stack does: problems are facts too."""
    database: dict[str, Any] = {}
    problems: list[str] = []
    if Capability.SQL in stack.capabilities:
        try:
            with session(
                stack.postgres().dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS, row_security="off"
            ) as connection:  # a count that row-level security shortens would be a wrong fact
                database = _database(connection, stack, problems)
        except (psycopg.Error, GonogoError) as error:
            problems.append(f"the database could not be read: {error}")
    versions = database.pop("versions", {})
    return Facts(
        runtime=stack.runtime,
        capabilities=tuple(sorted(stack.capabilities)),
        missing={capability.value: reason for capability, reason in sorted(stack.missing.items())},
        versions=versions,
        images=dict(stack.images),
        tenants=tuple(stack.spec.contract.tenants),
        left_out=tuple(
            name for name, one in stack.spec.services.items() if one.optional and name not in stack.services
        ),
        problems=tuple(problems),
        host=_host(),
        **database,
    )


def _host() -> dict[str, str]:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processors": str(os.cpu_count()),
        "memory_bytes": str(pages * size),
        "python": platform.python_version(),
    }


def _database(connection: Connection, stack: Stack, problems: list[str]) -> dict[str, Any]:
    try:
        row = connection.execute(query("discover", "server")).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = connection.execute(query("discover", "system_identifier_forbidden")).fetchone()
    assert row is not None  # a SELECT without FROM gives one row
    version, identifier, size_bytes = row
    settings: dict[str, str] = dict(connection.execute(query("discover", "settings")).fetchall())
    extensions: dict[str, str] = dict(connection.execute(query("discover", "extensions")).fetchall())
    tables = {}
    for key, spec in stack.spec.data.tables.items():
        facts = _table(connection, key, spec, problems)
        if facts is None:
            problems.append(f"table {key} of the stack file does not exist")
        else:
            tables[key] = facts
    return {
        "versions": {"postgresql": version, **{f"extension {name}": value for name, value in extensions.items()}},
        "settings": settings,
        **{name: _names(connection, name) for name in ("vector_columns", "row_security", "streaming")},
        "system_identifier": identifier,
        "data_size_bytes": size_bytes,
        "tables": tables,
    }


def _names(connection: Connection, what: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(query("discover", what)).fetchall())


def _table(connection: Connection, key: str, spec: TableSpec, problems: list[str]) -> TableFacts | None:
    row = connection.execute(query("discover", "table"), {"table": key}).fetchone()
    if row is None:
        return None
    name, size_bytes, primary_key = row
    rows, vectors = _counted(connection, key, name, spec.vector, problems)
    written = {"tenant": spec.tenant, "vector": spec.vector, "searchable": spec.searchable}
    facts: dict[str, Any] = {"rows": rows, "vectors": vectors, **written}
    if spec.vector:
        facts |= _vector(connection, key, spec.vector)
    return TableFacts(name=name, size_bytes=size_bytes, primary_key=tuple(primary_key), **facts)


def _counted(
    connection: Connection, key: str, name: str, vector: str | None, problems: list[str]
) -> tuple[int, int | None]:
    """Rows, and rows with a vector; an estimate where the role may not see every row, or cannot count them in time."""
    table = compose.SQL("SELECT count(*), {} FROM {}").format(
        compose.SQL("count({})").format(compose.Identifier(vector)) if vector else compose.SQL("NULL"),
        compose.SQL(name),  # regclass text: the server has quoted it
    )
    try:
        counted = connection.execute(table).fetchone()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled) as error:
        estimate = _estimated(connection, key, name)
        problems.append(f"table {key} has about {estimate} rows; they cannot be counted: {error.diag.message_primary}")
        return estimate, estimate if vector else None
    assert counted is not None  # an aggregate gives one row
    return counted


def _estimated(connection: Connection, key: str, name: str) -> int:
    """The planner's estimate, which needs no statistics; what the catalogue says where the role may not even plan."""
    try:
        row = connection.execute(
            compose.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {}").format(compose.SQL(name))
        ).fetchone()
        return int(row[0][0]["Plan"]["Plan Rows"]) if row else 0
    except psycopg.errors.InsufficientPrivilege:
        row = connection.execute(query("discover", "estimate"), {"table": key}).fetchone()
        return int(row[0]) if row else 0


def _vector(connection: Connection, table: str, column: str) -> dict[str, Any]:
    names = {"table": table, "column": column}
    kind = connection.execute(query("discover", "column"), names).fetchone()
    index = connection.execute(query("discover", "vector_index"), names).fetchone()
    facts: dict[str, Any] = {"dimensions": kind[1] if kind else None}
    if index is not None:
        _, qualified, method, operator_class, size_bytes = index
        facts |= {
            "vector_index": qualified,
            "index_method": method,
            "operator_class": operator_class,
            "vector_index_bytes": size_bytes,
        }
    return facts


def data_references(facts: Facts) -> dict[str, str]:
    """`data.TABLE.X` references of content files."""
    known: dict[str, str] = {}
    passages = facts.table(PASSAGES)
    for key, table in {**({PASSAGES: passages} if passages else {}), **facts.tables}.items():
        values = {
            "name": table.name,
            "rows": table.rows,
            "tenant": table.tenant,
            "vector": table.vector,
            "dimensions": table.dimensions,
            "vector_index": table.vector_index,
        }
        known |= {f"data.{key}.{name}": str(value) for name, value in values.items() if value is not None}
    return known


def stack_references(stack: Stack) -> dict[str, str]:
    """The stack's own references; content says `db` for its main database, whatever the stack calls that."""
    own = f"{stack.spec.data.service}."
    called = {f"db.{key.removeprefix(own)}": value for key, value in stack.references.items() if key.startswith(own)}
    return {**called, **stack.references}
