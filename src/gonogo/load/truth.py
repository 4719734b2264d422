"""The true nearest neighbours of every question that a load asks, computed before it starts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.core.outcome import Capability
from gonogo.load.wire import Sample
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Application, Question, application_of
from gonogo.stacks.interfaces import Role

if TYPE_CHECKING:
    from gonogo.pg.capture import Captured
    from gonogo.pg.vectors import Exact, Floats, Interval, Vectors

STATEMENT_SECONDS = 30.0
SEARCHES_TRIED = 5  # without their index: each reads the whole table
TRIES = 10  # a service that fails now and then is measured too; how often it fails, the load tells


def exact_answers(context: Context, questions: Sequence[Question], k: int) -> dict[str, Exact]:
    """The exact `k` nearest chunks of each question, by question id, among those of its tenant.

    The query vectors are those that the application itself sends, captured from the server's log; the distances are
    computed here, without an index. Whoever calls this declares `uses: [statement_log]`. Raises NotMeasurable.
    """
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver

    _require_chunks(context)
    table = _vector_table(context)
    try:
        captured = _captured(context, questions, table, k)
        stored = _stored(context, table)
        exact = _exact(questions, captured, stored, k, by_tenant=table.tenant is not None)
        searches = [(one, exact[question.id]) for question, one in zip(questions, captured, strict=True)]
        _see_that_all_is_searched(context, table, stored, searches)
    except psycopg.Error as error:
        raise NotMeasurable(f"the database could not be asked for its vectors: {error}") from error
    return exact


def recall_under_load(samples: Sequence[Sample], exact: Mapping[str, Exact]) -> tuple[Interval, int]:
    """The mean recall of the answers, and over how many of them.

    The interval is that of the mean over questions: the same question asked again says little that is new. Raises
    NotMeasurable where no answer can be compared.
    """
    from gonogo.pg.vectors import mean_with_interval, recall  # noqa: PLC0415 - needs numpy

    by_question: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        if sample.ok and sample.key in exact:
            by_question[sample.key].append(recall(exact[sample.key], sample.returned[: exact[sample.key].wanted]))
    if not by_question:
        raise NotMeasurable("no answer under load could be compared with the exact neighbours")
    means = [sum(values) / len(values) for _, values in sorted(by_question.items())]
    return mean_with_interval(means), sum(map(len, by_question.values()))


def _require_chunks(context: Context) -> None:
    """Capture and chunk ids are there. Raises MissingCapability."""
    if Capability.CAPTURE not in context.stack.capabilities:
        reason = context.stack.missing.get(Capability.CAPTURE, "the runtime cannot do it")
        raise MissingCapability(f"query vectors cannot be captured: {reason}")
    search = context.stack.spec.contract.search
    if search is None or "chunk" not in search.hit:
        raise MissingCapability("the contract does not say where a hit names its chunk (search.hit.chunk)")


def _vector_table(context: Context) -> TableFacts:
    tables = [table for table in context.facts.tables.values() if table.vector]
    if len(tables) != 1:
        raise NotMeasurable(f"recall under load needs one table with vectors, the stack file has {len(tables)}")
    return tables[0]


def _captured(context: Context, questions: Sequence[Question], table: TableFacts, k: int) -> list[Captured]:
    from gonogo.pg.capture import capture  # noqa: PLC0415 - needs the driver
    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver
    from gonogo.stacks.searching import noted  # noqa: PLC0415 - needs the driver

    server = context.stack.postgres()
    with (
        application_of(context.stack) as application,
        session(server.dsn(Role.ADMIN), timeout_seconds=60) as connection,
        noted(context, server, connection),
    ):
        return capture(
            connection,
            role=server.role_name(Role.APPLICATION),
            table=table.name,
            act=[_search(context, application, question, k) for question in questions],
            deadline=context.deadline,
        )


def _search(context: Context, application: Application, question: Question, k: int) -> Callable[[], None]:
    from gonogo.stacks.searching import fresh_k  # noqa: PLC0415 - needs the driver

    query = (question.tenant, question.question)

    def search() -> None:
        for _ in range(TRIES):
            asked = application.search(*query, fresh_k(context, query, k))
            if asked.answer.ok:
                return
        raise NotMeasurable(f"{asked.answer.request} answered {asked.answer.outcome} {TRIES} times")

    return search


def _stored(context: Context, table: TableFacts) -> Vectors:
    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver
    from gonogo.pg.vectors import fetch_vectors  # noqa: PLC0415 - needs the driver and numpy

    with session(context.stack.postgres().dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
        return fetch_vectors(connection, table)


def _see_that_all_is_searched(
    context: Context, table: TableFacts, stored: Vectors, searches: Sequence[tuple[Captured, Exact]]
) -> None:
    """Raise NotMeasurable where the search leaves rows out by itself; a few searches tell. Raises psycopg.Error."""
    from gonogo.pg.searched import missed_without_index, see_that_all_is_searched  # noqa: PLC0415 - needs the driver
    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver

    dsn = context.stack.postgres().dsn(Role.APPLICATION)
    with session(dsn, timeout_seconds=STATEMENT_SECONDS) as connection:
        for captured, exact in searches[:SEARCHES_TRIED]:
            missed = missed_without_index(connection, table, captured, exact)
            see_that_all_is_searched(connection, table, stored, missed)


def _exact(
    questions: Sequence[Question], captured: Sequence[Captured], stored: Vectors, k: int, *, by_tenant: bool
) -> dict[str, Exact]:
    """All questions of one tenant at once: what they are compared with is prepared once."""
    import numpy as np  # noqa: PLC0415 - planning need not pay for it

    from gonogo.pg.vectors import exact_top  # noqa: PLC0415 - needs numpy

    groups: dict[tuple[str | None, str], dict[str, Floats]] = defaultdict(dict)
    for question, one in zip(questions, captured, strict=True):
        groups[question.tenant if by_tenant else None, one.operator][question.id] = _query_vector(one)
    found: dict[str, Exact] = {}
    for (tenant, operator), queries in groups.items():
        sizes = {len(vector) for vector in queries.values()}
        if len(sizes) > 1:
            raise NotMeasurable(f"the application searches with vectors of {', '.join(map(str, sorted(sizes)))} values")
        truths = exact_top(np.stack(list(queries.values())), stored.of_tenant(tenant), k, operator)
        found |= dict(zip(queries, truths, strict=True))
    return found


def _query_vector(captured: Captured) -> Floats:
    from gonogo.pg.vectors import parse_text  # noqa: PLC0415 - needs numpy

    if captured.vector is None:
        raise NotMeasurable("the captured search holds no vector that can be read")
    return parse_text(captured.vector)
