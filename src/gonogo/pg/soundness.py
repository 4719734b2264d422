"""What a database shows of its own soundness, without anything to compare it with."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from gonogo.core.errors import NotMeasurable
from gonogo.pg.catalog import quoted
from gonogo.pg.sessions import Connection
from gonogo.pg.sql import ONCE, query

K = 10
QUERIES = 20
SINCE_COLLATION_VERSIONS = 150000
MOST_IN_ONE_SCAN = 1_000_000  # rows: where an index finds the farthest ones, the server holds them all
FEWEST_QUERIES, SEARCH_SECONDS = 5, 30.0
SAMPLED_ROWS = 400  # of which the queries are taken
SEARCH_WIDTH = 1000  # hnsw.ef_search, as wide as it gets; a scan of everything is the sooner through, too
NEARLY_ALL = 0.999
MOST_REACHED = 2_000_000  # rows that one scan walks over: more take too much memory
BY_INDEX = {"enable_seqscan": "off", "enable_sort": "off"}
EVERYTHING = {  # of a graph
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.max_scan_tuples": str(2**31 - 1),
    "hnsw.scan_mem_multiplier": "1000",
}
HNSW = "hnsw"
WORKERS = {"parallel_setup_cost": "0"}  # of the server: they are worth their price here
PROBES, MOST_PROBES = "ivfflat.probes", 32768
NOT_OF_THE_DATA = ("42", "53", "57014")  # classes and codes of errors: our mistake, no resources, no more time
LAST_NAME = re.compile(r'(?:"(?:[^"]|"")*"|[^".]+)$')  # of a name as SQL spells it
LIMIT_1 = sql.SQL(" LIMIT 1")
DENSE = "["  # how vectors and half-precision vectors are written, which can be added
RELATIVE_TIE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What amcheck says of tables and btree indexes, and how many it looked at."""

    errors: tuple[str, ...]
    checked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorIndex:
    """An approximate index. `name`, `table`, `column` and `operator` are as SQL spells them."""

    name: str
    table: str
    method: str
    column: str | None
    partial: bool
    valid: bool
    operator: str | None
    lists: int
    rows: int

    @property
    def widest(self) -> dict[str, str]:
        """Settings of a search that finds as much as the index has; some versions refuse those of the other method."""
        if self.method == HNSW:
            return {"hnsw.ef_search": str(SEARCH_WIDTH)}
        return {PROBES: str(min(self.lists, MOST_PROBES))}

    @property
    def why_not_searched(self) -> str:
        """Why no query of ours can be answered by it, "" where one can."""
        if self.column is None or self.operator is None:
            return "it is on an expression"
        return "it holds only a part of the rows" if self.partial else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Searches answered by an index against exact ones: the share of the true neighbours, query by query."""

    used: bool
    recalls: tuple[float, ...]


def names(connection: Connection, block: str) -> tuple[str, ...]:
    """The first column of a query of soundness.sql."""
    return tuple(str(row[0]) for row in connection.execute(query("soundness", block)).fetchall())


def sequences_behind(connection: Connection) -> Iterator[tuple[str, str]]:
    """Each sequence that gives a column its values, with what is wrong with it; "" where it is ahead of them."""
    for name, table, column, descending in connection.execute(query("soundness", "owned_sequences")).fetchall():
        last = connection.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(quoted(name))).fetchone()
        extreme = sql.SQL("min" if descending else "max")
        used = connection.execute(
            sql.SQL("SELECT {}({}) FROM {}").format(extreme, quoted(column), quoted(table))
        ).fetchone()
        assert last is not None
        assert used is not None
        behind = used[0] is not None and _next_is_taken(last[0], used[0], called=last[1], descending=descending)
        yield name, f"{name} stands at {last[0]}, {table}.{column} at {used[0]}" if behind else ""


def _next_is_taken(last: int, used: int, *, called: bool, descending: bool) -> bool:
    if descending:
        last, used = -last, -used
    return last < used or (last == used and not called)


def extension(connection: Connection, name: str) -> sql.Identifier:
    """Where an extension is, made where it is missing and no search path hides it. Raises NotMeasurable."""
    statement = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA pg_catalog").format(sql.Identifier(name))
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        raise NotMeasurable(f"{name} is not to be had: {error.diag.message_primary or error}") from error
    row = connection.execute("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = %s", [name])
    return sql.Identifier(row.fetchall()[0][0].strip('"'))


def structure(connection: Connection) -> Structure:
    """Look into every table and btree with amcheck. Raises NotMeasurable where there is none."""
    schema = extension(connection, "amcheck")
    connection.execute("ALTER EXTENSION amcheck UPDATE")  # a cluster may have kept one of before an upgrade
    if not connection.execute("SELECT 1 FROM pg_proc WHERE proname = 'verify_heapam'").fetchone():
        raise NotMeasurable("amcheck of this PostgreSQL cannot look into tables: it can since 14")
    tables = connection.execute(query("soundness", "tables_to_check")).fetchall()
    btrees = connection.execute(query("soundness", "btrees_to_check")).fetchall()
    found = [*_of_tables(connection, schema, tables), *_of_btrees(connection, schema, btrees)]
    return Structure(errors=tuple(found), checked=len(tables) + len(btrees))


def sorts_otherwise(connection: Connection) -> bool:
    """Whether texts are sorted otherwise here than where the files come from: their indexes are then out of order."""
    if connection.info.server_version < SINCE_COLLATION_VERSIONS:
        return False
    row = connection.execute(query("soundness", "sorts_otherwise")).fetchone()
    return bool(row and row[0])


def _of_tables(connection: Connection, schema: sql.Identifier, tables: list[tuple[int, str]]) -> Iterator[str]:
    statement = sql.SQL("SELECT msg FROM {}.verify_heapam(%s::oid::regclass, on_error_stop => true) LIMIT 1")
    for oid, name in tables:
        try:
            row = connection.execute(statement.format(schema), [oid]).fetchone()
        except psycopg.errors.DatabaseError as error:
            _insist_on_the_data(error)
            yield f"{name}: {error.diag.message_primary or error}"
        else:
            if row:
                yield f"{name}: {row[0]}"


def _of_btrees(connection: Connection, schema: sql.Identifier, btrees: list[tuple[int, str]]) -> Iterator[str]:
    statement = sql.SQL("SELECT {}.bt_index_check(%s::oid::regclass, true)")
    for oid, name in btrees:
        try:
            connection.execute(statement.format(schema), [oid])
        except psycopg.errors.DatabaseError as error:
            _insist_on_the_data(error)
            yield f"{name}: {error.diag.message_primary or error}"


def _insist_on_the_data(error: psycopg.errors.DatabaseError) -> None:
    """Raise an error again that says nothing of the data."""
    if (error.sqlstate or "").startswith(NOT_OF_THE_DATA):
        raise error


@contextmanager
def alone(connection: Connection, index: VectorIndex) -> Iterator[None]:
    """An index without others of its table, which might answer its searches; afterwards they are as they were.

    Only on a server of our own: nobody else gets at the table meanwhile.
    """
    with connection.transaction(force_rollback=True):
        for (other,) in connection.execute(query("soundness", "others_of_its_table"), [index.name]).fetchall():
            connection.execute(sql.SQL("DROP INDEX {}").format(quoted(other)))
        yield


def vector_indexes(connection: Connection) -> list[VectorIndex]:
    """Every HNSW and IVFFlat index."""
    found = connection.execute(query("soundness", "vector_indexes")).fetchall()
    return [
        VectorIndex(
            name=name, table=table, method=method, column=column, partial=partial, valid=valid, operator=operator,
            lists=lists, rows=rows,
        )
        for name, table, method, column, partial, valid, operator, lists, rows in found
    ]  # fmt: skip


def search(connection: Connection, index: VectorIndex) -> Searched | None:
    """Search for stored vectors by the index, as widely as it can, and exactly. None where no vector is stored.

    The server computes both, so memory stays flat; that the exact one is exact needs nothing but a scan and a sort.
    """
    assert index.column is not None
    assert index.operator is not None
    parts = {"column": quoted(index.column), "table": quoted(index.table), "operator": quoted(index.operator)}
    share = min(100.0, 100.0 * SAMPLED_ROWS / max(index.rows, 1))
    sample = sql.SQL(
        "SELECT {column}::text FROM {table} TABLESAMPLE BERNOULLI ({share}) REPEATABLE (1) WHERE {column} IS NOT NULL"
        " LIMIT {queries}"
    ).format(**parts, share=sql.Literal(share), queries=sql.Literal(QUERIES))
    queries = [row[0] for row in connection.execute(sample).fetchall()]
    if not queries:
        return None
    near = nearest(index)
    found = [distances(connection, near, one, enable_seqscan="off", **index.widest) for one in queries]
    exact = _exactly(connection, index, queries, found)
    recalls = tuple(_share(one, all_) for one, all_ in zip(found, exact, strict=False) if all_)
    used = all(uses(connection, near, one, index.name) for one in queries)
    return Searched(used=used, recalls=recalls) if recalls else None


def _share(found: list[float], exact: list[float]) -> float:
    return min(sum(distance <= _as_far_as(exact) for distance in found), len(exact)) / len(exact)


def _as_far_as(near: list[float]) -> float:
    """The largest of some distances, and what is equally far."""
    return max(near) + RELATIVE_TIE * max(abs(max(near)), 1.0)


def _exactly(
    connection: Connection, index: VectorIndex, queries: list[str], found: list[list[float]]
) -> list[list[float]]:
    """The distances of the nearest rows to each query, or to the first ones where exact searches take long."""
    few = index.rows <= MOST_IN_ONE_SCAN
    if few and all(len(one) == K for one in found) and all(one.startswith(DENSE) for one in queries):
        return _exactly_in_one_scan(connection, index, queries, found)
    exact, began = list[list[float]](), time.monotonic()
    for one in queries:
        if len(exact) >= FEWEST_QUERIES and time.monotonic() - began > SEARCH_SECONDS:
            break  # exact searches of a large table take long, and some tell enough
        exact.append(distances(connection, nearest(index), one, enable_indexscan="off", enable_bitmapscan="off"))
    return exact


def _exactly_in_one_scan(
    connection: Connection, index: VectorIndex, queries: list[str], found: list[list[float]]
) -> list[list[float]]:
    """One scan for all queries: most of an exact search's time goes into fetching vectors from where the server keeps
    what is large, and each is fetched once here. `v + 0` is what it was, fetched.

    What the index found are rows, so that the true neighbours are no farther away than the farthest of them.
    """
    assert index.column is not None
    assert index.operator is not None
    parts = {"column": quoted(index.column), "table": quoted(index.table), "operator": quoted(index.operator)}
    names = [sql.Identifier(f"d{number}") for number in range(len(queries))]
    near = [
        sql.SQL("array_agg({name}) FILTER (WHERE {name} <= {limit})").format(name=name, limit=_as_far_as(one))
        for name, one in zip(names, found, strict=True)
    ]
    measured = [
        sql.SQL("(v {operator} {query})::float8 AS {name}").format(**parts, query=sql.Literal(query), name=name)
        for query, name in zip(queries, names, strict=True)
    ]
    statement = sql.SQL(
        "SELECT {near} FROM (SELECT {measured} FROM (SELECT {column} + {zero} AS v FROM {table}"
        " WHERE {column} IS NOT NULL {once}) AS fetched {once}) AS measured"
    ).format(
        **parts, near=sql.SQL(", ").join(near), measured=sql.SQL(", ").join(measured), once=ONCE,
        zero=sql.Literal(f"[{','.join('0' * (queries[0].count(',') + 1))}]"),
    )  # fmt: skip
    with _settings(connection, WORKERS):
        row = connection.execute(statement).fetchone()
    assert row is not None
    return [sorted(distance for distance in one or [] if math.isfinite(distance))[:K] for one in row]


def nearest(index: VectorIndex) -> sql.Composed:
    """The distances of the nearest rows to `query`, by whatever the planner takes."""
    assert index.column is not None
    assert index.operator is not None
    parts = {"column": quoted(index.column), "table": quoted(index.table), "operator": quoted(index.operator)}
    return sql.SQL(
        "SELECT ({column} {operator} %(query)s)::float8 FROM {table} WHERE {column} IS NOT NULL"
        " ORDER BY {column} {operator} %(query)s LIMIT {k}"
    ).format(**parts, k=sql.Literal(K))


def reach(connection: Connection, index: VectorIndex) -> tuple[int, int] | None:
    """How many rows a scan of the whole index comes to, and how many it should. A graph may be in pieces.

    None where this pgvector cannot go on to the end, or there are too many rows or none.
    """
    assert index.column is not None
    assert index.operator is not None
    if index.rows > MOST_REACHED:
        return None
    parts = {"column": quoted(index.column), "table": quoted(index.table), "operator": quoted(index.operator)}
    has_distance = sql.SQL("FROM {table} WHERE ({column} {operator} {column})::float8 <> 'NaN'").format(**parts)
    walk = sql.SQL(
        "SELECT count(*) FROM (SELECT FROM {table} ORDER BY {column} {operator} %(query)s LIMIT 2147483647) walked"
    ).format(**parts)
    one = connection.execute(sql.SQL("SELECT {column}::text ").format(**parts) + has_distance + LIMIT_1).fetchone()
    if one is None:
        return None
    if index.method == HNSW and not connection.execute(query("soundness", "goes_on")).fetchone():
        return None
    with _settings(connection, {**BY_INDEX, **(EVERYTHING if index.method == HNSW else {}), **index.widest}):
        reached = _count(connection, walk, {"query": one[0]})
    stored = sql.SQL("SELECT count(*) FROM {table} WHERE {column} IS NOT NULL").format(**parts)
    with _settings(connection, WORKERS):
        there = _count(connection, stored)
        if reached < NEARLY_ALL * there:  # vectors that have no distance are in no graph; telling them takes long
            there = _count(connection, sql.SQL("SELECT count(*) ") + has_distance)
    return reached, there


def _count(connection: Connection, statement: sql.Composed, parameters: Mapping[str, str] | None = None) -> int:
    row = connection.execute(statement, parameters).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _settings(connection: Connection, wanted: Mapping[str, str]) -> Iterator[None]:
    """A transaction with settings of its own, which end with it also inside of another one."""
    with connection.transaction(force_rollback=True):
        for name, value in wanted.items():
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        yield


def distances(connection: Connection, statement: sql.Composed, vector: str, **settings: str) -> list[float]:
    """The distances that a search gives; those that are no numbers (a zero vector has no cosine) are left out."""
    with _settings(connection, settings):
        rows = connection.execute(statement, {"query": vector}).fetchall()
    return [row[0] for row in rows if row[0] is not None and math.isfinite(row[0])]


def uses(connection: Connection, statement: sql.Composed, vector: str, index: str) -> bool:
    """Whether the planner can answer the search by this index."""
    with _settings(connection, {"enable_seqscan": "off"}):
        plan = connection.execute(sql.SQL("EXPLAIN ") + statement, {"query": vector}).fetchall()
    name = LAST_NAME.search(index)
    return name is not None and any(f"using {name[0]} " in row[0] for row in plan)
