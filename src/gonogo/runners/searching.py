"""The application's own search, sent again to any server: which index serves it, what it finds and sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from psycopg import sql as compose

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.pg.capture import Captured
from gonogo.pg.plans import walk
from gonogo.pg.replay import replayed, send, transaction_like, with_vector
from gonogo.pg.sessions import session
from gonogo.pg.sql import query
from gonogo.pg.vectors import Exact, as_text, exact_top, fetch_vectors, recall
from gonogo.stacks.interfaces import PostgresServer, Role

SAMPLE_SEED = 20_260_103
STATEMENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    """Whether a vector index serves the search, and through what the table is read."""

    used: bool
    detail: str


def index_use(server: PostgresServer, captured: Captured, table: TableFacts) -> IndexUse:
    """Explain the captured search as the application's role. Raises psycopg.Error, NotMeasurable."""
    with session(server.dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
        relations = dict(connection.execute(query("plans", "relations"), {"table": table.name}).fetchall())
        rows = connection.execute(query("plans", "vector_indexes"), {"relations": list(relations)}).fetchall()
    vector_indexes = {name for name, *_ in rows}
    with (
        session(server.dsn(Role.APPLICATION), timeout_seconds=STATEMENT_SECONDS) as connection,
        transaction_like(connection, captured),
    ):
        row = send(connection, f"EXPLAIN (FORMAT JSON) {captured.statement}", captured.parameters).fetchone()
    if row is None:
        raise NotMeasurable("EXPLAIN gave no plan")
    through = [node["Index Name"] for node in walk(row[0][0]["Plan"]) if "Index Name" in node]
    used = [name for name in through if name in vector_indexes]
    missing = ", ".join(sorted(vector_indexes)) or "none that is valid"
    return IndexUse(
        used=bool(used),
        detail=f"served by {', '.join(used)}" if used else f"not served by a vector index (there is {missing})",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Searches for stored vectors of one tenant, and what there is to find."""

    table: TableFacts
    searches: tuple[Captured, ...]
    truths: tuple[Exact, ...]


def sample_of(
    server: PostgresServer, captured: Captured, table: TableFacts, tenant: str | None, *, queries: int, k: int
) -> Sample:
    """Draw stored vectors as queries and compute their exact neighbours. Raises NotMeasurable, psycopg.Error."""
    if table.vector is None or len(table.primary_key) != 1:
        raise NotMeasurable(f"{table.name} has no vector column, or no primary key of one column")
    with session(server.dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
        stored = fetch_vectors(connection, table)
    own = stored.of_tenant(tenant) if table.tenant else stored
    if not len(own):
        raise NotMeasurable(f"tenant {tenant} has no vectors")
    rows = np.random.default_rng(SAMPLE_SEED).choice(len(own), size=min(queries, len(own)), replace=False)
    vectors = own.values[rows].astype(np.float64)
    return Sample(
        table=table,
        searches=tuple(with_vector(captured, as_text(vector)) for vector in vectors),
        truths=tuple(exact_top(vectors, own, k, captured.operator)),
    )


def recalls(server: PostgresServer, sample: Sample) -> list[float]:
    """The recall of every search of the sample on a server, as the application's role. Raises NotMeasurable."""
    with session(server.dsn(Role.APPLICATION), timeout_seconds=STATEMENT_SECONDS) as connection:
        found = replayed(connection, sample.table, sample.searches)
    return [recall(truth, keys) for truth, keys in zip(sample.truths, found, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """Rows of one table that the application's role can read: without a tenant, and as one tenant."""

    table: str
    rows: int  # all there are
    to_nobody: int
    own: int
    of_others: int

    @property
    def foreign(self) -> int:
        """Rows that it has no business with."""
        return self.to_nobody + self.of_others


def visible(server: PostgresServer, captured: Captured, tables: Sequence[TableFacts], tenant: str) -> Iterator[Visible]:
    """Look at every table with a tenant column as the application does. Raises psycopg.Error."""
    for table in tables:
        if table.tenant is None:
            continue
        with session(server.dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
            rows, _ = _count(connection, table, tenant)
        with session(server.dsn(Role.APPLICATION), timeout_seconds=STATEMENT_SECONDS) as connection:
            try:
                to_nobody, _ = _count(connection, table, tenant)
            except psycopg.OperationalError:  # a time limit or a lost connection says nothing of what would be seen
                raise
            except psycopg.Error:  # refused, or the policy cannot do without a tenant: nothing is seen
                to_nobody = 0
            with transaction_like(connection, captured):
                seen, own = _count(connection, table, tenant)
        yield Visible(table=table.name, rows=rows, to_nobody=to_nobody, own=own, of_others=seen - own)


def _count(connection: psycopg.Connection[tuple[object, ...]], table: TableFacts, tenant: str) -> tuple[int, int]:
    statement = compose.SQL("SELECT count(*), count(*) FILTER (WHERE {}::text = {}) FROM {}").format(
        compose.Identifier(table.tenant or ""),
        compose.Literal(tenant),
        compose.SQL(table.name),  # regclass text, quoted by the server
    )
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(str(row[0])), int(str(row[1]))
