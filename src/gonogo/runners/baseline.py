"""What the source held and answered before the disaster: the restore is measured against it, not against itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.pg.capture import Captured
from gonogo.pg.fingerprint import Fingerprint, take_fingerprint
from gonogo.pg.sessions import Connection, session
from gonogo.pg.vectors import mean_with_interval
from gonogo.runners.searching import IndexUse, Sample, Visible, index_use, recalls, sample_of, visible
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Application, Question, application_of, questions_of
from gonogo.stacks.interfaces import PostgresServer, Role
from gonogo.stacks.searching import Asked, ask, tenants_by_size

K = 10
QUESTIONS = 8  # enough to find one whose search the planner serves by the index
SAMPLE_QUERIES = 40
LEAST_RECALL = 0.25  # also of a search that is limited to three hits; with less, a ruined index loses hardly anything
READ_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """Searches and the recall of each before the disaster; or why there is nothing to compare with."""

    sample: Sample | None = None
    recalls: tuple[float, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The vector search of the source before the disaster."""

    table: TableFacts  # the one with the vectors
    captured: Captured  # the search that the question led to
    index: IndexUse
    recalled: Recalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The source before the disaster. `searched` is None where stack file and database agree that it has no vectors."""

    fingerprint: Fingerprint
    question: Question  # answered correctly before
    searched: Searched | None
    visible: tuple[Visible, ...] = ()

    @property
    def index_used(self) -> bool:
        """Whether a vector index served the search."""
        return self.searched is not None and self.searched.index.used


def take_baseline(context: Context, source: PostgresServer) -> Baseline:
    """Read and ask the source. Raises NotMeasurable when it does not answer correctly even before the disaster."""
    if no_vectors(context):
        return _without_vectors(context, source)
    table_key, table = vector_table(context)
    try:
        asked, question = _answered_question(context, source, table_key, table)
        index = index_use(source, asked.captured, table)
        recalled = _recalled(context, source, asked, table)
        tables = list(context.facts.tables.values())
        seen = tuple(visible(source, asked.captured, tables, question.tenant))
        fingerprint = fingerprint_of(source)  # last: an application may write down what it was asked
    except psycopg.Error as error:
        raise NotMeasurable(f"the source could not be read before the disaster: {error}") from error
    keep_fingerprint(context, "source", fingerprint)
    return Baseline(
        fingerprint=fingerprint,
        question=question,
        searched=Searched(table=table, captured=asked.captured, index=index, recalled=recalled),
        visible=seen,
    )


def _recalled(context: Context, source: PostgresServer, asked: Asked, table: TableFacts) -> Recalled:
    """What stands in the way of recall costs its comparison, not that of everything else."""
    try:
        sample = sample_of(source, asked.captured, table, asked.tenant, queries=SAMPLE_QUERIES, k=K)
        found = tuple(recalls(source, sample))
        require_comparable(found)
    except (NotMeasurable, psycopg.Error) as error:
        context.deadline.check("the recall of the source is measured")
        return Recalled(missing=str(error))
    return Recalled(sample=sample, recalls=found)


def require_comparable(found: Sequence[float]) -> None:
    """Raise NotMeasurable where the source finds so little that a ruined index would hardly find less."""
    mean = mean_with_interval(found).mean
    if mean < LEAST_RECALL:
        raise NotMeasurable(
            f"the source's own search finds {mean:.0%} of the true neighbours: from less than {LEAST_RECALL:.0%} no"
            " drop can be told"
        )


def no_vectors(context: Context) -> bool:
    """Whether stack file and database agree that no vectors are in this database."""
    declared = any(table.vector for table in context.stack.spec.data.tables.values())
    return not declared and context.facts.database_read and not context.facts.vector_columns


def _without_vectors(context: Context, source: PostgresServer) -> Baseline:
    """The vectors are somewhere else: the question is asked through the application alone."""
    questions = questions_of(context.stack)[:QUESTIONS]
    with application_of(context.stack) as application:
        question = next((one for one in questions if answers_right(application, one)), None)
    if question is None:
        raise NotMeasurable(f"none of {len(questions)} questions is answered correctly even before the disaster")
    try:
        fingerprint = fingerprint_of(source)
    except psycopg.Error as error:
        raise NotMeasurable(f"the source could not be read before the disaster: {error}") from error
    keep_fingerprint(context, "source", fingerprint)
    return Baseline(fingerprint=fingerprint, question=question, searched=None)


def vector_table(context: Context) -> tuple[str, TableFacts]:
    """The largest table with vectors, and its key. Raises NotMeasurable."""
    tables = [(key, table) for key, table in context.facts.tables.items() if table.vector and table.vectors]
    if not tables:
        silent = f", but it has {', '.join(context.facts.vector_columns[:3])}" if context.facts.vector_columns else ""
        raise NotMeasurable(f"the database holds no table of the stack file's data layout with vectors{silent}")
    return max(tables, key=lambda entry: entry[1].vectors or 0)


def fingerprint_of(
    server: PostgresServer, *, without_schemas: Sequence[str] = (), snapshot: str | None = None
) -> Fingerprint:
    """The fingerprint of a server. Raises psycopg.Error."""
    with session(server.dsn(Role.ADMIN), timeout_seconds=READ_SECONDS) as connection:
        without_time_limits(connection)
        return take_fingerprint(connection, without_schemas=without_schemas, snapshot=snapshot)


def without_time_limits(connection: Connection) -> None:
    """Lift what a database may set for its users' transactions, in this session: reading everything takes its time."""
    connection.execute(
        "SELECT set_config(name, '0', false) FROM pg_settings"
        " WHERE name IN ('transaction_timeout', 'idle_in_transaction_session_timeout')"
    )


def keep_fingerprint(context: Context, name: str, fingerprint: Fingerprint) -> str:
    """Keep a fingerprint as evidence; returns its path."""
    return context.recorder.artifact(f"fingerprint_{name}.json", json.dumps(fingerprint.to_json(), indent=1))


def _answered_question(
    context: Context, source: PostgresServer, table_key: str, table: TableFacts
) -> tuple[Asked, Question]:
    """A question that is answered correctly, preferably by the index: of the largest tenant's first."""
    sizes = list(tenants_by_size(context, table_key)) if table.tenant else []
    questions = sorted(
        questions_of(context.stack), key=lambda one: sizes.index(one.tenant) if one.tenant in sizes else len(sizes)
    )[:QUESTIONS]
    asked = ask(context, [(one.tenant, one.question) for one in questions], table=table, k=K)
    right = [
        (answer, question)
        for answer, question in zip(asked, questions, strict=True)
        if is_right([hit.document for hit in answer.hits], question)
    ]
    if not right:
        found = ", ".join(hit.document for hit in asked[0].hits[:3]) if asked else ""
        raise NotMeasurable(
            f"none of {len(questions)} questions is answered correctly even before the disaster"
            f" (to {questions[0].question!r} came {found or 'nothing'})"
            if questions
            else "the corpus holds no question of known answer"
        )
    indexed = (one for one in right if index_use(source, one[0].captured, table).used)
    return next(indexed, right[0])


def is_right(documents: Sequence[str], question: Question) -> bool:
    """Whether the document that answers the question was found."""
    return question.document in documents


def answers_right(application: Application, question: Question) -> bool:
    """Ask the question. Never raises for what the application does."""
    answered = application.search(question.tenant, question.question, K, patient=False)
    return answered.answer.ok and is_right([hit.document for hit in answered.hits], question)
