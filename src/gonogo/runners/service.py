"""The application on the restored database: when does it answer correctly again, and take a write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError
from gonogo.pg.sessions import session
from gonogo.runners.baseline import Baseline, answers_right
from gonogo.runners.phases import PhaseClock
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Answer, Application, application_of
from gonogo.stacks.interfaces import PostgresServer, Role

ANSWER_SECONDS = 15.0  # a restored service that is wrong for so long, with everything it needs in memory, is wrong
COLD_BYTES_PER_SECOND = 50e6  # what a slow disk reads: the first answer by an index may read all of it
POLL_SECONDS = 0.01
NOT_FOUND = 404
PROBE_SCHEMA = "gonogo_restore_drill"
PROBE_ID = "gonogo-restore-drill"
PROBE_TEXT = "Written by a restore drill to see that the restored service takes writes."


@dataclass(slots=True)
class Served:
    """How far the application got. Seconds since the disaster; None: never."""

    degraded_seconds: float | None = None  # the first correct answer, by any plan
    full_seconds: float | None = None  # a write acknowledged, and another correct answer after it
    trouble: str = ""  # what kept it from the last of them that it did not reach

    @property
    def again(self) -> bool:
        """Whether it answers correctly and takes writes."""
        return self.full_seconds is not None


def serve_again(
    context: Context, target: PostgresServer, baseline: Baseline, clock: PhaseClock, finish: Callable[[], None]
) -> Served:
    """Start the application on `target` and ask it; `finish` the restore as soon as it answers correctly.

    One that needs for that what `finish` brings is asked again after it. What the application does wrong is told, not
    raised; what `finish` raises is.
    """
    served = Served()
    finished = False
    clock.begin("application")
    try:
        with (
            context.stack.scratch_application(target, context.deadline) as service,
            application_of(context.stack, service=service) as application,
        ):
            _answer_unfinished(context, application, baseline, clock, served)
            finished = True
            finish()
            if served.degraded_seconds is None:
                clock.begin("first answer with everything")
                _until_right(context, application, baseline, "no correct answer", patience_seconds(context))
            clock.begin("first write")
            with _written(context, application, target):
                clock.begin("full service")
                _until_right(context, application, baseline, "no correct answer after the first write")
                clock.end()
                served.full_seconds = clock.total_seconds()
    except (StackError, DeadlineExceeded) as error:
        context.deadline.check("the restored service answers")
        served.trouble = str(error)
        if not finished:
            finish()  # what came back is compared all the same, and it is to be whole
    return served


def patience_seconds(context: Context) -> float:
    """How long a restored service may take until it answers from files that nobody has read yet."""
    return ANSWER_SECONDS + (context.facts.data_size_bytes or 0) / COLD_BYTES_PER_SECOND


def _answer_unfinished(
    context: Context, application: Application, baseline: Baseline, clock: PhaseClock, served: Served
) -> None:
    """The first correct answer, perhaps by reading everything: a service with a short time limit never gives it."""
    clock.begin("first correct answer")
    try:
        _until_right(context, application, baseline, "no correct answer before the restore was finished")
    except DeadlineExceeded as error:
        context.deadline.check("the restored service answers")
        served.trouble = str(error)
    else:
        served.degraded_seconds = clock.elapsed_seconds


def _until_right(
    context: Context, application: Application, baseline: Baseline, otherwise: str, seconds: float = ANSWER_SECONDS
) -> None:
    limit: Deadline = context.deadline.within(seconds)
    what = f"{otherwise} to {baseline.question.question!r} as {baseline.question.tenant}"
    limit.poll(lambda: answers_right(application, baseline.question), every_seconds=POLL_SECONDS, what=what)


@contextmanager
def _written(context: Context, application: Application, target: PostgresServer) -> Iterator[None]:
    """A write is acknowledged: by the application where the contract lets it, else by the database.

    A document is removed again: it may be in a vector store that was not restored. Raises DeadlineExceeded with what
    it was told.
    """
    if not (application.declares("ingest") and application.declares("delete")):
        _write_to_database(target)
        yield
        return
    tenant, stored = next(iter(context.stack.spec.contract.tenants), None), PROBE_ID
    try:
        stored = application.stored_id(_ingest(context, application, tenant), PROBE_ID)
        yield
    finally:
        answer = application.delete(tenant, stored)
        if not (answer.ok or answer.status == NOT_FOUND):
            context.progress(f"document {stored} of the drill may stay: {answer.request} answered {answer.outcome}")


def _ingest(context: Context, application: Application, tenant: str | None) -> Answer:
    limit = context.deadline.within(ANSWER_SECONDS)
    while True:
        answer = application.ingest(tenant, PROBE_ID, "Restore drill", PROBE_TEXT)
        if answer.ok:
            return answer
        limit.check(f"no write is acknowledged: {answer.request} answered {answer.outcome}")
        limit.sleep(POLL_SECONDS)


def _write_to_database(target: PostgresServer) -> None:
    try:
        with session(target.dsn(Role.ADMIN)) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(PROBE_SCHEMA)))
    except psycopg.Error as error:
        raise DeadlineExceeded(f"no write is acknowledged: {error}") from error
