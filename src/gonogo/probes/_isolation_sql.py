"""Leak probes through SQL: as the application's role, in transactions set up as the application sets up its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql as compose

from gonogo.core.errors import NotMeasurable
from gonogo.pg.catalog import quoted, row_key
from gonogo.pg.replay import returned_keys, send, sets_tenant, transaction_like, with_tenant
from gonogo.pg.sessions import Connection, session
from gonogo.pg.sql import query
from gonogo.probes._isolation_ways import Found, attempt
from gonogo.stacks.interfaces import Role
from gonogo.stacks.searching import search_of

if TYPE_CHECKING:
    from gonogo.core.facts import TableFacts
    from gonogo.pg.capture import Captured
    from gonogo.stacks.context import Context

STATEMENT_SECONDS = 30.0
NOBODY = "gonogo-nobody"
EMPTY_SCOPES = ("", NOBODY, "%", "*")
PLANS: dict[str, Mapping[str, str]] = {
    "the chosen plan": {},
    "an exact plan": {"enable_indexscan": "off"},
    "the index": {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"},
}
INTEGRITY = "23"  # class of constraint violations: row security had let the row through before
REFUSED = "42501"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every way is given: who the tenants are, how each searches, how many rows each has in each table."""

    context: Context
    searches: Mapping[str, Captured]
    tables: Mapping[str, TableFacts]
    sizes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # table → tenant → rows
    vectors: str

    @contextmanager
    def application(self) -> Iterator[Connection]:
        """A session of the application's role."""
        dsn = self.context.stack.postgres().dsn(Role.APPLICATION)
        with session(dsn, timeout_seconds=STATEMENT_SECONDS) as connection:
            yield connection


def through_sql(context: Context, ways: Sequence[str], *, vectors: str | None) -> list[Found]:
    """Try the ways. Raises NotMeasurable."""
    if vectors is None:
        raise NotMeasurable("the stack file names no table with a vector column")
    tables = {key: table for key, table in context.facts.tables.items() if table.tenant}
    if not tables:
        raise NotMeasurable("the stack file names no table with a tenant column")
    try:
        sizes = _sizes(context, tables)
        searches = {tenant: search_of(context, tenant, key=vectors).captured for tenant in context.facts.tenants}
        setting = Setting(context=context, searches=searches, tables=tables, sizes=sizes, vectors=vectors)
    except psycopg.Error as error:
        raise NotMeasurable(f"the database could not be read: {error}") from error
    return [attempt(way, partial(_refusals_noted, WAYS[way], setting)) for way in ways]


def _refusals_noted(way: Callable[[Setting], Found], setting: Setting) -> Found:
    try:
        return way(setting)
    except psycopg.Error as error:
        raise NotMeasurable(f"the database refused a probe: {error}") from error


def _sizes(context: Context, tables: Mapping[str, TableFacts]) -> dict[str, dict[str, int]]:
    """Rows of every tenant as the administrator sees them; and the role must be one that row security binds."""
    server = context.stack.postgres()
    role = server.role_name(Role.APPLICATION)
    with session(server.dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
        row = connection.execute(query("plans", "role_bypasses"), {"role": role}).fetchone()
        if row is None or any(row):
            raise NotMeasurable(
                f"role {role} is a superuser or bypasses row security: a probe as that role shows nothing"
            )
        return {key: _visible(connection, table) for key, table in tables.items()}


def _visible(connection: Connection, table: TableFacts) -> dict[str, int]:
    """Rows by tenant, as the session sees them."""
    assert table.tenant is not None  # through_sql has chosen those
    statement = compose.SQL("SELECT {}::text, count(*) FROM {} GROUP BY 1").format(
        compose.Identifier(table.tenant),
        quoted(table.name),
    )
    return dict(connection.execute(statement).fetchall())


def _count(connection: Connection, table: TableFacts) -> tuple[dict[str, int], str]:
    """Rows visible outside of any transaction, and the error that came instead.

    A time limit or a lost connection is no answer of the guard: psycopg.OperationalError is raised.
    """
    try:
        return _visible(connection, table), ""
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        return {}, f"{table.name}: {error.diag.message_primary or error}"


# --- ways


def _by_rows(setting: Setting) -> Found:
    """With a tenant set, only its own rows are visible, in every table."""
    leaks, tried, controls = [], 0, 0
    with setting.application() as connection:
        for tenant, captured in setting.searches.items():
            with transaction_like(connection, captured):
                for key, table in setting.tables.items():
                    seen = _visible(connection, table)
                    tried += sum(rows for other, rows in setting.sizes[key].items() if other != tenant)
                    controls += seen.get(tenant, 0)
                    leaks += [
                        f"{tenant} sees {rows} rows of {other} in {key}"
                        for other, rows in seen.items()
                        if other != tenant
                    ]
    notes = tuple(f"{key} holds no rows yet" for key, sizes in setting.sizes.items() if not sizes)
    return Found(way="rows", tried=tried, controls=controls, leaks=tuple(leaks), notes=notes)


def _by_no_tenant(setting: Setting) -> Found:
    """With no tenant set, an empty or an unknown one, nothing is visible."""
    leaks, errors, tried = [], [], 0
    tenant, captured = next(iter(setting.searches.items()))
    with setting.application() as connection:
        for key, table in setting.tables.items():
            tried += sum(setting.sizes[key].values())
            seen, error = _count(connection, table)
            leaks += _told("without a tenant", seen, key)
            errors += [f"without a tenant: {error}"] * bool(error)
        for scope in EMPTY_SCOPES if sets_tenant(captured, tenant) else ():
            found = _as_somebody(connection, setting, with_tenant(captured, tenant, scope), f"as tenant {scope!r}")
            leaks += found.leaks
            errors += found.errors
    return Found(way="no_tenant", tried=tried, controls=_own_rows(setting), leaks=tuple(leaks), errors=tuple(errors))


def _as_somebody(connection: Connection, setting: Setting, captured: Captured, who: str) -> Found:
    leaks: list[str] = []
    errors: list[str] = []
    for key, table in setting.tables.items():
        try:
            with transaction_like(connection, captured):
                leaks += _told(who, _visible(connection, table), key)
        except psycopg.OperationalError:
            raise  # see _count
        except psycopg.Error as error:
            errors.append(f"{who}: {table.name}: {error.diag.message_primary or error}")
    return Found(way="", tried=0, controls=0, leaks=tuple(leaks), errors=tuple(errors))


def _told(who: str, seen: Mapping[str, int], key: str) -> list[str]:
    return [f"{who}, {rows} rows of {owner} are visible in {key}" for owner, rows in seen.items()]


def _own_rows(setting: Setting) -> int:
    """The positive control: how many rows the tenants see of their own."""
    with setting.application() as connection:
        total = 0
        for tenant, captured in setting.searches.items():
            with transaction_like(connection, captured):
                total += sum(_visible(connection, table).get(tenant, 0) for table in setting.tables.values())
        return total


def _by_nearest(setting: Setting) -> Found:
    """The application's own search, by the plan that is chosen and by those that could be, returns own rows only."""
    table = setting.tables.get(setting.vectors)
    if table is None or len(table.primary_key) != 1:
        raise NotMeasurable(f"{setting.vectors} needs a tenant column and a primary key of one column")
    leaks: list[str] = []
    tried = controls = 0
    with setting.application() as connection:
        for tenant, captured in setting.searches.items():
            for plan, settings in PLANS.items():
                keys = _search(connection, captured, table, settings)
                owners = _owners(setting, table, keys)
                tried += len(keys)
                controls += sum(owner == tenant for owner in owners.values())
                strangers = sorted({owner for owner in owners.values() if owner != tenant})
                leaks += [f"{tenant}'s search by {plan} returns rows of {owner}" for owner in strangers]
    return Found(way="nearest", tried=tried, controls=controls, leaks=tuple(leaks))


def _search(connection: Connection, captured: Captured, table: TableFacts, settings: Mapping[str, str]) -> list[str]:
    with transaction_like(connection, captured):
        for name, value in settings.items():
            connection.execute(
                compose.SQL("SET LOCAL {} = {}").format(compose.Identifier(name), compose.Literal(value))
            )
        place = connection.execute(
            query("plans", "column_place"), {"table": table.name, "column": table.primary_key[0]}
        ).fetchone()
        assert place is not None  # the column is that of the primary key
        keys = returned_keys(send(connection, captured.statement, captured.parameters), *place)
    if keys is None:
        raise NotMeasurable(f"the application's search does not return the primary key of {table.name}")
    return keys


def _owners(setting: Setting, table: TableFacts, keys: Sequence[str]) -> dict[str, str]:
    """To whom rows belong, as the administrator sees it."""
    assert table.tenant is not None  # tables without one are no part of the setting
    statement = compose.SQL(
        "SELECT ({key})::text, {tenant}::text FROM {table} WHERE ({key})::text = ANY ({keys})"
    ).format(
        key=quoted(row_key(table.primary_key)),
        tenant=compose.Identifier(table.tenant),
        table=quoted(table.name),
        keys=compose.Literal(list(keys)),
    )
    dsn = setting.context.stack.postgres().dsn(Role.ADMIN)
    with session(dsn, timeout_seconds=STATEMENT_SECONDS) as connection:
        return dict(connection.execute(statement).fetchall())


def _by_session(setting: Setting) -> Found:
    """A session that served one tenant shows nothing of it afterwards: as a pool hands it to the next request."""
    leaks: list[str] = []
    errors: list[str] = []
    tried = controls = 0
    tenants = list(setting.searches)
    with setting.application() as connection:
        for served, following in zip(tenants, [*tenants[1:], tenants[0]], strict=True):
            with transaction_like(connection, setting.searches[served], commit=True):
                controls += sum(_visible(connection, table).get(served, 0) for table in setting.tables.values())
            for one in setting.searches[served].aftermath:
                send(connection, one.statement, one.parameters)
            for key, table in setting.tables.items():
                tried += setting.sizes[key].get(served, 0)
                seen, error = _count(connection, table)
                leaks += _told(f"after a transaction of {served}", seen, key)
                errors += [f"after a transaction of {served}: {error}"] * bool(error)
            with transaction_like(connection, setting.searches[following]):
                rest = {key: _visible(connection, table).get(served, 0) for key, table in setting.tables.items()}
            leaks += [
                f"{following}, served after {served}, sees its rows in {key}" for key, rows in rest.items() if rows
            ]
    return Found(way="session", tried=tried, controls=controls, leaks=tuple(leaks), errors=tuple(errors))


def _by_write(setting: Setting) -> Found:
    """No tenant can store a row in another one's name. Every attempt is rolled back."""
    leaks: list[str] = []
    tried = controls = 0
    with setting.application() as connection:
        for tenant, captured in setting.searches.items():
            others = [other for other in setting.searches if other != tenant]
            for key, table in setting.tables.items():
                if not setting.sizes[key].get(tenant) or not _let_through(connection, captured, table, tenant):
                    continue  # nothing to copy, or the role may not store such rows at all
                controls += 1
                tried += len(others)
                passed = [other for other in others if _let_through(connection, captured, table, other)]
                leaks += [f"{tenant} can store rows of {other} in {key}" for other in passed]
    return Found(way="write", tried=tried, controls=controls, leaks=tuple(leaks))


def _let_through(connection: Connection, captured: Captured, table: TableFacts, owner: str) -> bool:
    """Whether row security lets a copy of a visible row pass that says it belongs to `owner`.

    Row security looks before constraints do: a constraint's complaint means that it had let the row through.
    """
    try:
        with transaction_like(connection, captured):
            columns = connection.execute(query("plans", "stored_columns"), {"table": table.name}).fetchall()
            return connection.execute(_copy_as(table, [name for (name,) in columns], owner)).rowcount > 0
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state != REFUSED and not state.startswith(INTEGRITY):
            raise
        return state.startswith(INTEGRITY)


def _copy_as(table: TableFacts, columns: Sequence[str], owner: str) -> compose.Composed:
    values = [compose.Literal(owner) if name == table.tenant else compose.Identifier(name) for name in columns]
    return compose.SQL(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {table} LIMIT 1"
    ).format(
        table=quoted(table.name),
        columns=compose.SQL(", ").join(map(compose.Identifier, columns)),
        values=compose.SQL(", ").join(values),
    )


WAYS: dict[str, Callable[[Setting], Found]] = {
    "rows": _by_rows,
    "no_tenant": _by_no_tenant,
    "nearest": _by_nearest,
    "session": _by_session,
    "write": _by_write,
}
