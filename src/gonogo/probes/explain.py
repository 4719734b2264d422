"""How the application's own query is planned: which index it uses, and how much it reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.spec.base import Spec

if TYPE_CHECKING:
    from gonogo.pg.capture import Captured
    from gonogo.pg.plans import PlanSummary
    from gonogo.pg.sessions import Connection
    from gonogo.stacks.context import Context

APPLICATION = "application"
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
RUNS = 2  # the second one finds its pages where a served search finds them
STATEMENT_SECONDS = 20.0
FEW_ROWS = 5_000  # below, the planner may rightly read them all
OTHER_WAYS = ("enable_seqscan", "enable_bitmapscan", "enable_sort")  # than through an index in its order


class Parameters(Spec):
    """`query` is `application` (the search that the contract's request leads to) or one SELECT.

    It is explained as the application's role, in a transaction with the application's settings for `tenant` (`largest`,
    `smallest` or a name; the planner rightly answers a tiny tenant without the index) that is rolled back.
    """

    table: str
    query: str = APPLICATION
    tenant: str = "largest"
    k: int = Field(default=10, ge=1)


class Explain:
    """Observes index_scan, index_name, rows_examined_fraction, operator, operator_matches_opclass, sorts,
    execution_time and buffer_hit_ratio of one query."""

    parameters = Parameters
    needs = frozenset({Capability.SQL, Capability.APPLICATION, Capability.CAPTURE})

    def observe(self, context: Context, parameters: Parameters) -> Iterator[Observation]:
        """Explain the query and say what its plan shows. Raises NotMeasurable."""
        import psycopg  # noqa: PLC0415 - planning need not pay for the driver

        from gonogo.stacks.searching import search_of, tenants_wanted  # noqa: PLC0415 - needs the driver

        tenant = next(iter(tenants_wanted(context, parameters.table, parameters.tenant)))
        captured = search_of(context, tenant, key=parameters.table, k=parameters.k).captured
        try:
            yield from self._observations(context, parameters, captured, tenant or "")
        except psycopg.Error as error:
            raise NotMeasurable(f"the query could not be explained: {error}") from error

    def _observations(
        self, context: Context, parameters: Parameters, captured: Captured, tenant: str
    ) -> Iterator[Observation]:
        from gonogo.pg.plans import summarise  # noqa: PLC0415 - beside what needs it
        from gonogo.stacks.searching import table_of  # noqa: PLC0415 - needs the driver

        document = _explained(context, captured, None if parameters.query == APPLICATION else parameters.query)
        indexes, relations = _catalogue(context, table_of(context, parameters.table).name)
        summary = summarise(document, relations)
        evidence = context.recorder.artifact("plan.json", json.dumps(document, indent=2))
        used = [name for name in summary.indexes if name in indexes]
        rows = table_of(context, parameters.table).rows
        few = "" if used or rows >= FEW_ROWS else _too_few(context, parameters, captured, indexes, relations)
        detail = (
            f"read through {', '.join(summary.indexes) or 'no index'}; vector indexes: {', '.join(indexes) or 'none'}"
        )
        yield _told("index_scan", None if few else bool(used), tenant, evidence, few or detail)
        yield _told("index_name", ", ".join(summary.indexes), tenant, evidence, "")
        for one in _reading(summary, rows, tenant, evidence):
            hidden = few and one.name == "rows_examined_fraction"
            yield replace(one, value=None, detail=few) if hidden else one
        if parameters.query == APPLICATION:
            yield from _operator(captured.operator, indexes, evidence)


def _too_few(
    context: Context, parameters: Parameters, captured: Captured, indexes: Collection[str], relations: Collection[str]
) -> str:
    """Why a plan without the index says nothing: it would be used if there were more rows. "" where it would not."""
    from gonogo.pg.plans import summarise  # noqa: PLC0415 - beside what needs it

    query = None if parameters.query == APPLICATION else parameters.query
    forced = summarise(_explained(context, captured, query, without=OTHER_WAYS), relations)
    able = [name for name in forced.indexes if name in indexes]
    return (
        f"{able[0]} can serve the query, but so few rows the planner reads all: load {FEW_ROWS} or more" if able else ""
    )


def _told(name: str, value: bool | str | None, subject: str, evidence: str, detail: str) -> Observation:
    return Observation(name=name, value=value, subject=subject, n=1, evidence=evidence, detail=detail)


def _reading(summary: PlanSummary, rows: int, subject: str, evidence: str) -> Iterator[Observation]:
    common: dict[str, Any] = {"subject": subject, "evidence": evidence}
    yield Observation(
        name="rows_examined_fraction",
        value=min(1.0, summary.rows_examined / rows),
        unit="1",
        n=rows,
        detail=f"{summary.rows_examined:.0f} of {rows} rows were read",
        **common,
    )
    yield Observation(name="sorts", value=summary.sorted, n=1, **common)
    yield Observation(
        name="execution_time", value=summary.execution_seconds, unit="s", n=1, load_sensitive=True, **common
    )
    if summary.buffers:
        yield Observation(
            name="buffer_hit_ratio",
            value=summary.buffers_hit / summary.buffers,
            unit="1",
            n=summary.buffers,
            detail=f"{summary.buffers_hit} of {summary.buffers} pages were in shared_buffers",
            **common,
        )


def _operator(operator: str, indexes: dict[str, tuple[str, frozenset[str]]], evidence: str) -> Iterator[Observation]:
    matching = [name for name, (_, operators) in indexes.items() if operator in operators]
    classes = "; ".join(
        f"{name} ({opclass}) serves {', '.join(sorted(operators))}" for name, (opclass, operators) in indexes.items()
    )
    yield _told("operator", operator, "", evidence, "")
    detail = f"the query orders by {operator}; {classes or 'there is no vector index'}"
    yield _told("operator_matches_opclass", bool(matching), "", evidence, detail)


def _explained(context: Context, captured: Captured, query: str | None, without: Sequence[str] = ()) -> Any:
    """EXPLAIN's JSON as the application's role gets it. `query` replaces the captured search, `without` are ways of the
    planner that are switched off."""
    from gonogo.pg.replay import send, transaction_like  # noqa: PLC0415 - needs the driver
    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver
    from gonogo.stacks.interfaces import Role  # noqa: PLC0415 - beside its use

    dsn = context.stack.postgres().dsn(Role.APPLICATION)
    statement, parameters = (captured.statement, captured.parameters) if query is None else (query, ())
    document: Any = None
    with (
        session(dsn, timeout_seconds=STATEMENT_SECONDS) as connection,
        transaction_like(connection, captured),
    ):
        for setting in without:
            connection.execute(f"SET LOCAL {setting} = off".encode())
        for _ in range(RUNS):
            row = send(connection, EXPLAIN + statement, parameters).fetchone()
            document = row[0] if row else None
    if not document:
        raise NotMeasurable("EXPLAIN gave no plan")
    return document


def _catalogue(context: Context, table: str) -> tuple[dict[str, tuple[str, frozenset[str]]], frozenset[str]]:
    """The usable vector indexes of a table (operator class and its operators), and the names of its partitions."""
    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver
    from gonogo.stacks.interfaces import Role  # noqa: PLC0415 - beside its use

    with session(context.stack.postgres().dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
        return _read_catalogue(connection, table)


def _read_catalogue(connection: Connection, table: str) -> tuple[dict[str, tuple[str, frozenset[str]]], frozenset[str]]:
    from gonogo.pg.sql import query  # noqa: PLC0415 - beside its use

    relations: dict[int, str] = dict(connection.execute(query("plans", "relations"), {"table": table}).fetchall())
    rows = connection.execute(query("plans", "vector_indexes"), {"relations": list(relations)}).fetchall()
    indexes = {name: (opclass, frozenset(operators or ())) for name, opclass, operators in rows}
    return indexes, frozenset(relations.values())


PROBE = Explain()
