"""What runs beneath a scenario's faults: the ledger, the probers and, where the scenario asks for it, a load."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from gonogo.core.errors import NotMeasurable
from gonogo.load.running import RunningLoad, Sample, running_load
from gonogo.pg.ledger import Ledger, LedgerCount, count
from gonogo.pg.sessions import session
from gonogo.runners.probing import Probers, lasting
from gonogo.spec.contract import ContractSpec
from gonogo.spec.verification import ChaosSpec, LoadSpec
from gonogo.stacks.context import Context
from gonogo.stacks.contract import application_of, questions_of

FIRST_WRITE_SECONDS = 15.0
FIRST_ANSWERS_SECONDS = 15.0
COUNT_SECONDS = 30.0
LOAD_SECONDS = 600.0  # it is stopped long before
STREAK = 5  # so many good answers in a row are a recovery: one alone may be luck
POLL_SECONDS = 0.05


class SchemaNote:
    """Implements Note: a database that gonogo did not start is rid of the ledger by `heal` and `clean`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._schema = self._record = ""

    def announce(self, schema: str) -> None:
        """Write it down, fsynced."""
        stack = self._context.stack
        data = {"stack": str(stack.spec_path.absolute()), "service": stack.spec.data.service, "schema": schema}
        self._schema, self._record = schema, self._context.run.intend("ledger_schema", data)

    def dropped(self) -> None:
        """Nothing is to be undone."""
        self._context.run.undone(self._record)

    def left(self, reason: str) -> None:
        """Tell people; the record stays open."""
        self._context.progress(f"the ledger's schema {self._schema} was not dropped, `gonogo heal` will: {reason}")


class Beneath:
    """Started on entering, stopped by `stop` or on leaving."""

    def __init__(self, context: Context, spec: ChaosSpec, load: tuple[LoadSpec, Path] | None) -> None:
        self.ledger: Ledger | None = None
        self.samples: Sequence[Sample] = ()
        self._context = context
        self._spec = spec
        self._load = load
        self._running: RunningLoad | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def contract(self) -> ContractSpec:
        """The requests of the application that is asked."""
        return self._context.stack.spec.contract

    def _start(self) -> None:
        context, enter = self._context, self._stack.enter_context
        application = enter(application_of(context.stack))
        self.probers = enter(Probers(application, questions_of(context.stack)))
        if self._spec.during.ledger is not None:
            self.ledger = enter(self._new_ledger(self._spec.during.ledger.rate))
        if self._load is not None:
            self._running = enter(running_load(context, *self._load, LOAD_SECONDS))
        self._await_flow()

    def _new_ledger(self, rate_per_second: float) -> Ledger:
        stack = self._context.stack
        reference = f"${{{stack.spec.data.service}.url.admin}}"  # names every server: the writers follow a failover
        return Ledger(
            lambda: stack.resolve(reference),
            run_id=self._context.run.run_id,
            rate_per_second=rate_per_second,
            note=SchemaNote(self._context) if stack.runtime == "external" else None,
        )

    def _await_flow(self) -> None:
        """Nothing is broken before everything beneath works. Raises DeadlineExceeded."""
        deadline = self._context.deadline
        if self.ledger is not None:
            self.ledger.await_acknowledgement(0.0, deadline.within(FIRST_WRITE_SECONDS))
        deadline.within(FIRST_ANSWERS_SECONDS).poll(
            lambda: self.good_since(0.0) is not None, every_seconds=POLL_SECONDS, what="the probers get right answers"
        )

    def good_since(self, instant: float) -> float | None:
        """When the first of the right answers came that last since, to requests sent after `instant`."""
        in_flight = self.probers.searching.instants  # before the replies: an answer may come in between
        first = lasting(
            self.probers.replies, in_flight, after=instant, length=STREAK, good=lambda reply: bool(reply.correct)
        )
        return first.ended_at if first else None

    def ready_since(self, instant: float) -> float | None:
        """The same for readiness."""
        in_flight = self.probers.asking_ready.instants
        first = lasting(
            self.probers.readiness, in_flight, after=instant, length=STREAK, good=lambda reply: reply.succeeded
        )
        return first.ended_at if first else None

    def is_ready_since(self, instant: float) -> bool:
        """Whether readiness came back after `instant`; true where nobody can ask, or is let through to ask."""
        states = [one for one in self.probers.readiness if not one.rate_limited]
        return not states or self.ready_since(instant) is not None

    def recovered_at(self, instant: float) -> float | None:
        """When everything worked again after `instant`: right answers that last, and an acknowledged write.

        What is in flight says nothing yet, so that this is final once the traffic was stopped.
        """
        instants = [self.good_since(instant)]
        if self.ledger is not None:
            instants.append(self.ledger.first_acknowledged_after(instant))
        found = [one for one in instants if one is not None]
        return max(found) if len(found) == len(instants) else None

    def stop(self) -> None:
        """End the traffic and keep what it saw; the ledger's table stays until the end."""
        self.probers.stop()
        if self._running is not None:
            self.samples = self._running.stop().samples
        if self.ledger is not None:
            self.ledger.stop()

    def count(self, broke_at: float) -> LedgerCount | None:
        """Count the ledger on the server that is primary now. Raises NotMeasurable where it does not answer."""
        if self.ledger is None:
            return None
        server = self._context.stack.postgres()
        try:
            with session(server.dsn(), timeout_seconds=COUNT_SECONDS) as connection:
                return count(connection, self.ledger, disaster_at=broke_at)
        except psycopg.Error as error:
            raise NotMeasurable(f"the ledger cannot be counted on {server.name}: {error}") from error
