"""The application on the restored database: when does it answer correctly again, and take a write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError
from gonogo.pg.sessions import session
from gonogo.runners.baseline import Baseline, answers_right
from gonogo.runners.phases import PhaseClock
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Application, application_of
from gonogo.stacks.interfaces import PostgresServer, Role

ANSWER_SECONDS = 15.0  # a restored service that is wrong for so long is wrong
POLL_SECONDS = 0.01
PROBE_SCHEMA = "gonogo_restore_drill"
PROBE_ID = "gonogo-restore-drill"
PROBE_TEXT = "Written by a restore drill to see that the restored service takes writes."


@dataclass(slots=True)
class Served:
    """How far the application got. Seconds since the disaster; None: never."""

    degraded_seconds: float | None = None  # the first correct answer, by any plan
    full_seconds: float | None = None  # a write acknowledged, and another correct answer after it
    trouble: str = ""

    @property
    def again(self) -> bool:
        """Whether it answers correctly and takes writes."""
        return self.full_seconds is not None


def serve_again(
    context: Context, target: PostgresServer, baseline: Baseline, clock: PhaseClock, finish: Callable[[], None]
) -> Served:
    """Start the application on `target` and ask it; `finish` the restore as soon as it answers correctly.

    What the application does wrong is told, not raised; what `finish` raises is.
    """
    served = Served()
    clock.begin("application")
    try:
        with (
            context.stack.scratch_application(target, context.deadline) as service,
            application_of(context.stack, service=service) as application,
        ):
            clock.begin("first correct answer")
            _until_right(context, application, baseline, "no correct answer")
            served.degraded_seconds = clock.elapsed_seconds
            finish()
            clock.begin("first write")
            remove = _write(context, application, target)
            clock.begin("full service")
            _until_right(context, application, baseline, "no correct answer after the first write")
            clock.end()
            served.full_seconds = clock.total_seconds()
            if remove:
                application.delete(baseline.question.tenant, PROBE_ID)
    except (StackError, DeadlineExceeded) as error:
        context.deadline.check("the restored service answers")
        served.trouble = str(error)
        if served.degraded_seconds is None:
            finish()  # what came back is compared all the same, and it is to be whole
    return served


def _until_right(context: Context, application: Application, baseline: Baseline, otherwise: str) -> None:
    limit: Deadline = context.deadline.within(ANSWER_SECONDS)
    what = f"{otherwise} to {baseline.question.question!r} as {baseline.question.tenant}"
    limit.poll(lambda: answers_right(application, baseline.question), every_seconds=POLL_SECONDS, what=what)


def _write(context: Context, application: Application, target: PostgresServer) -> bool:
    """A write is acknowledged: by the application where the contract lets it, else by the database.

    Returns whether there is a document to remove again. Raises DeadlineExceeded with what it was told.
    """
    if not (application.declares("ingest") and application.declares("delete")):
        _write_to_database(target)
        return False
    tenant = next(iter(context.stack.spec.contract.tenants), None)
    limit = context.deadline.within(ANSWER_SECONDS)
    while True:
        answer = application.ingest(tenant, PROBE_ID, "Restore drill", PROBE_TEXT)
        if answer.ok:
            return True
        limit.check(f"no write is acknowledged: {answer.request} answered {answer.outcome}")
        limit.sleep(POLL_SECONDS)


def _write_to_database(target: PostgresServer) -> None:
    try:
        with session(target.dsn(Role.ADMIN)) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(PROBE_SCHEMA)))
    except psycopg.Error as error:
        raise DeadlineExceeded(f"no write is acknowledged: {error}") from error
