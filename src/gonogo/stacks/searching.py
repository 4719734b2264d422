"""The application's own search, asked through its contract and seen as it reaches the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql as compose

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.core.outcome import Capability
from gonogo.pg.capture import Captured, capture
from gonogo.pg.catalog import quoted
from gonogo.pg.sessions import Connection, session
from gonogo.pg.statements import overridden
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Application, Hit, application_of, questions_of
from gonogo.stacks.interfaces import PostgresServer, Role

ANY_QUESTION = "What is this about?"
STATEMENT_SECONDS = 20.0
MOST_MORE = 40  # hits more than wanted; services refuse numbers that are much larger
LINGER_SECONDS = 0.1  # in which the application may clean its session up before it goes back to the pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One search through the application: what it answered, and the statement with which it got there."""

    tenant: str | None
    query: str
    hits: tuple[Hit, ...]
    captured: Captured


def ask(
    context: Context,
    queries: Sequence[tuple[str | None, str]],
    *,
    table: TableFacts,
    k: int,
    linger_seconds: float = 0.0,
) -> list[Asked]:
    """Search for each (tenant, text) and capture the statement that it leads to.

    The check that does this declares `uses: [statement_log]`. Raises NotMeasurable, also where the server's settings
    are not gonogo's to change: whatever the check's file forgot to say that it needs.
    """
    if Capability.CAPTURE not in context.stack.capabilities:
        reason = context.stack.missing.get(Capability.CAPTURE, "the runtime cannot do it")
        raise MissingCapability(f"the application's statements cannot be captured: {reason}")
    server = context.stack.postgres()
    hits: dict[int, tuple[Hit, ...]] = {}
    with application_of(context.stack) as application:
        acts = [_act(context, (application, k), query, hits, number) for number, query in enumerate(queries)]
        try:
            with (
                session(server.dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection,
                noted(context, server, connection),
            ):
                captured = capture(
                    connection,
                    role=server.role_name(Role.APPLICATION),
                    table=table.name,
                    act=acts,
                    deadline=context.deadline,
                    linger_seconds=linger_seconds,
                )
        except psycopg.Error as error:
            raise NotMeasurable(f"the application's statements could not be captured: {error}") from error
    return [
        Asked(tenant=tenant, query=query, hits=hits[number], captured=captured[number])
        for number, (tenant, query) in enumerate(queries)
    ]


@contextmanager
def noted(context: Context, server: PostgresServer, connection: Connection) -> Iterator[None]:
    """A server that outlives a killed run has its log settings put back by `heal` and `clean`."""
    if context.stack.runtime != "external":
        yield
        return
    before = overridden(connection)
    data = {"stack": str(context.stack.spec_path.absolute()), "service": server.name, "before": before}
    record = context.run.intend("server_settings", data)
    try:
        yield
    finally:
        with suppress(psycopg.Error), session(server.dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as another:
            if overridden(another) == before:  # seen over a new session: the capture's own may have died
                context.run.undone(record)


def _act(
    context: Context, asking: tuple[Application, int], query: tuple[str | None, str], hits: dict[int, Any], number: int
) -> Callable[[], None]:
    application, k = asking
    tenant, text = query
    caller = tenant if tenant is not None else next(iter(application.contract.tenants), None)  # all rows are anybody's

    def act() -> None:
        answered = application.search(caller, text, fresh_k(context, query, k))
        if not answered.answer.ok:
            raise NotMeasurable(f"{answered.answer.request} answered {answered.answer.outcome}")
        hits[number] = answered.hits[:k] if context.stack.spec.contract.cached else answered.hits

    return act


def fresh_k(context: Context, query: tuple[str | None, str], k: int) -> int:
    """`k`, and some more where answers may come from a cache: a search like none before it reaches the database."""
    if not context.stack.spec.contract.cached:
        return k
    name = f"fresh_k/{query}"
    context.cache[name] = (context.cache.get(name, 0) % MOST_MORE) + 1
    more: int = context.cache[name]
    return k + more


def search_of(context: Context, tenant: str | None, *, key: str, k: int = 10) -> Asked:
    """One captured search of a tenant in the table `key`; captured once in a run, then remembered.

    Raises NotMeasurable.
    """
    name = f"search_of/{key}/{tenant}/{k}"
    if name not in context.cache:
        text = next((text for _, text in queries_of(context, [tenant], per_tenant=1)), ANY_QUESTION)
        context.cache[name] = ask(
            context, [(tenant, text)], table=table_of(context, key), k=k, linger_seconds=LINGER_SECONDS
        )[0]
    found: Asked = context.cache[name]
    return found


def queries_of(context: Context, tenants: Sequence[str | None], *, per_tenant: int) -> list[tuple[str | None, str]]:
    """Up to `per_tenant` texts to search for, as each tenant: questions of the corpus, a tenant's own first.

    Empty without a corpus. What a question asks does not matter to recall, only that it is a real one.
    """
    try:
        questions = questions_of(context.stack)
    except MissingCapability:
        return []
    queries: list[tuple[str | None, str]] = []
    for tenant in tenants:
        own_first = sorted(questions, key=lambda one: one.tenant != tenant)
        queries += [(tenant, one.question) for one in own_first[:per_tenant]]
    return queries


def table_of(context: Context, key: str) -> TableFacts:
    """A table of the data layout. Raises NotMeasurable where it was not found or is empty."""
    table = context.facts.table(key)
    if table is None:
        known = ", ".join(context.facts.tables) or "none"
        raise NotMeasurable(f"the database has no table {key} of the stack file's data layout (found: {known})")
    if table.rows == 0:
        raise NotMeasurable(f"table {key} is empty")
    return table


def tenants_by_size(context: Context, key: str) -> Mapping[str, int]:
    """The contract's tenants and how many rows of the table each has now, largest first. Raises NotMeasurable."""
    table = table_of(context, key)
    if table.tenant is None:
        raise NotMeasurable(f"the stack file names no tenant column of {key}")
    statement = compose.SQL("SELECT {tenant}::text, count(*) FROM {table} GROUP BY 1").format(
        tenant=compose.Identifier(table.tenant),
        table=quoted(table.name),
    )
    dsn = context.stack.postgres().dsn(Role.ADMIN)
    with session(dsn, timeout_seconds=STATEMENT_SECONDS) as connection:
        sizes: dict[str, int] = dict(connection.execute(statement).fetchall())
    known = {tenant: sizes[tenant] for tenant in context.facts.tenants if sizes.get(tenant)}
    if not known:
        raise NotMeasurable(f"no tenant of the contract has rows in {key}: names and the column's values differ")
    return dict(sorted(known.items(), key=lambda one: -one[1]))


def tenants_wanted(context: Context, key: str, tenant: str) -> dict[str | None, int]:
    """The tenants a check speaks of, with their rows: `largest`, `smallest`, `all`, or one by name.

    Without a tenant column, or tenants in the contract, that is nobody (None) with all rows.
    """
    table = table_of(context, key)
    if table.tenant is None or not context.facts.tenants:
        return {None: table.rows}
    sizes = tenants_by_size(context, key)
    names = list(sizes)
    chosen = {"largest": names[:1], "smallest": names[-1:], "all": names}.get(tenant, [tenant])
    if missing := [name for name in chosen if name not in sizes]:
        raise NotMeasurable(f"tenant {', '.join(missing)} has no rows in {key} (known: {', '.join(names)})")
    return {name: sizes[name] for name in chosen}
