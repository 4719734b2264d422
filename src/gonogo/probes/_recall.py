"""The work of the recall probe: what the application answers, and what is true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import psycopg

from gonogo.core.errors import NotMeasurable
from gonogo.pg.replay import replayed, with_vector
from gonogo.pg.searched import Missed, see_that_all_is_searched
from gonogo.pg.sessions import Connection, session
from gonogo.pg.vectors import Floats, Vectors, as_text, exact_top, fetch_vectors, parse_text
from gonogo.probes.recall import Compared, compared_with, key_column
from gonogo.stacks.interfaces import Role
from gonogo.stacks.searching import Asked, ask, queries_of, search_of, table_of, tenants_wanted

if TYPE_CHECKING:
    from gonogo.core.facts import TableFacts
    from gonogo.pg.capture import Captured
    from gonogo.stacks.context import Context

STATEMENT_SECONDS = 60.0
SAMPLE_SEED = 20_260_102


def compare_corpus(context: Context, *, key: str, k: int, tenants: str, per_tenant: int) -> list[Compared]:
    """Ask the corpus's questions through the API and compare the answers with the truth. Raises NotMeasurable."""
    table = table_of(context, key)
    key_column(table, key)
    wanted = tenants_wanted(context, key, tenants)
    queries = queries_of(context, list(wanted), per_tenant=per_tenant)
    if not queries:
        raise NotMeasurable("the stack file names no corpus of questions; `queries: stored` needs none")
    asked = ask(context, queries, table=table, k=k)
    stored = _stored(context, table)
    returned = _answered(context, table, asked)
    known = set(stored.keys.tolist())
    if any(returned) and not any(one in known for keys in returned for one in keys):
        raise NotMeasurable(f"the ids of the application's hits are no keys of {key}; see hit.chunk in the contract")
    compared = []
    for tenant in wanted:
        rows = [row for row, one in enumerate(asked) if one.tenant == tenant]
        vectors = np.stack([_vector(asked[row].captured) for row in rows])
        own = _of_tenant(stored, tenant)
        exact = exact_top(vectors, own, k, asked[rows[0]].captured.operator)
        compared += [
            compared_with(truth, returned[row], tenant=tenant, query=asked[row].query)
            for truth, row in zip(exact, rows, strict=True)
        ]
    searches = {one.tenant or "": one.captured for one in asked}
    _see_that_all_is_searched(context, table, stored, compared, searches)
    return compared


def compare_stored(context: Context, *, key: str, k: int, tenants: str, per_tenant: int) -> list[Compared]:
    """Replay the captured search with stored vectors and compare with the truth. Raises NotMeasurable."""
    table = table_of(context, key)
    key_column(table, key)
    searches = {
        tenant: search_of(context, tenant, key=key, k=k).captured for tenant in tenants_wanted(context, key, tenants)
    }
    stored = _stored(context, table)
    random = np.random.default_rng(SAMPLE_SEED)
    compared = []
    for tenant, captured in searches.items():
        _vector(captured)
        own = _of_tenant(stored, tenant)
        source = own if len(own) >= per_tenant else stored  # a tiny tenant is asked for others' vectors too
        sample = random.choice(len(source), size=min(per_tenant, len(source)), replace=False)
        vectors = source.values[sample].astype(np.float64)
        returned = _replayed(context, table, [with_vector(captured, as_text(vector)) for vector in vectors])
        exact = exact_top(vectors, own, k, captured.operator)
        names = [f"stored vector {source.keys[row]}" for row in sample]
        compared += [
            compared_with(truth, keys, tenant=tenant, query=name)
            for truth, keys, name in zip(exact, returned, names, strict=True)
        ]
    by_tenant = {tenant or "": captured for tenant, captured in searches.items()}
    _see_that_all_is_searched(context, table, stored, compared, by_tenant)
    return compared


def _see_that_all_is_searched(
    context: Context,
    table: TableFacts,
    stored: Vectors,
    compared: Sequence[Compared],
    searches: Mapping[str, Captured],
) -> None:
    """Raise NotMeasurable where a row was missed because the search leaves it out by itself."""
    worst = sorted(compared, key=lambda one: one.recall)
    missed = [Missed(key=key, captured=searches[one.tenant], wanted=one.wanted) for one in worst for key in one.missed]
    if missed:
        with _as_application(context) as connection:
            see_that_all_is_searched(connection, table, stored, missed)


def _vector(captured: Captured) -> Floats:
    if captured.vector is None:
        raise NotMeasurable("the captured search shows no query vector")
    return parse_text(captured.vector)


def _stored(context: Context, table: TableFacts) -> Vectors:
    try:
        with session(context.stack.postgres().dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
            return fetch_vectors(connection, table)
    except psycopg.Error as error:
        raise NotMeasurable(f"the stored vectors could not be read: {error}") from error


def _of_tenant(stored: Vectors, tenant: str | None) -> Vectors:
    """The rows among which a tenant's search may find: its own. Raises NotMeasurable where they cannot be told."""
    if tenant is None:
        return stored
    own = stored.of_tenant(tenant)
    if not len(own):
        raise NotMeasurable(f"tenant {tenant} has no vectors")
    return own


def _answered(context: Context, table: TableFacts, asked: Sequence[Asked]) -> list[list[str]]:
    """The keys of what the API returned; where its hits hold none, of what the same statements return again."""
    if all(hit.chunk is not None for one in asked for hit in one.hits):
        return [[hit.chunk for hit in one.hits if hit.chunk is not None] for one in asked]
    by_tenant: Mapping[str | None, list[int]] = {}
    for row, one in enumerate(asked):
        by_tenant = {**by_tenant, one.tenant: [*by_tenant.get(one.tenant, []), row]}
    returned: list[list[str]] = [[] for _ in asked]
    for rows in by_tenant.values():
        found = _replayed(context, table, [asked[row].captured for row in rows])
        for row, keys in zip(rows, found, strict=True):
            returned[row] = keys
    return returned


def _replayed(context: Context, table: TableFacts, searches: Sequence[Captured]) -> list[list[str]]:
    """The keys that searches of one tenant return to the application's role. Raises NotMeasurable."""
    with _as_application(context) as connection:
        return replayed(connection, table, searches)


@contextmanager
def _as_application(context: Context) -> Iterator[Connection]:
    """A session of the application's role. Raises NotMeasurable for whatever the database refuses."""
    dsn = context.stack.postgres().dsn(Role.APPLICATION)
    try:
        with session(dsn, timeout_seconds=STATEMENT_SECONDS) as connection:
            yield connection
    except psycopg.Error as error:
        raise NotMeasurable(f"the captured search could not be sent again: {error}") from error
