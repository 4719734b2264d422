"""The application's own report of its replication: while all is well, while a standby is frozen, and when it is gone.

A report that is right while nothing happens proves little: the primary itself calls a frozen standby `streaming` for a
minute. So each standby is frozen for a moment and then killed; both belong to the run and end with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from gonogo.core.errors import DeadlineExceeded, MissingCapability, NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._replication_report import (
    FIELDS,
    Known,
    Report,
    Reported,
    compared,
    disagreements,
    report_of,
    truth_of,
)
from gonogo.spec.base import Bytes, Seconds, Spec
from gonogo.stacks.contract import Answer, Application, application_of

if TYPE_CHECKING:
    from gonogo.spec.contract import ReplicationSpec
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer

SESSION_SECONDS = 20.0
POLL_SECONDS = 0.1
NOTICED = 0.8  # the share of the frozen time that an age must show at least
EMIT = "SELECT pg_logical_emit_message(true, 'gonogo', repeat('x', 65536)) FROM generate_series(1, {pieces})"
PIECE_BYTES = 65536
TRANSCRIPT = "reports.txt"


class ReplicationStatusParameters(Spec):
    """`fields`: what a report must say. `frozen`: how long a standby is, while `written` bytes of log are made.

    `lost`: how soon a standby that died must not be called well. `patience`: how long after its return, and before all
    this, a standby may take to be called well. `tolerance`: bytes by which a lag may differ from the primary's.
    """

    fields: tuple[str, ...] = FIELDS
    frozen: Seconds = Field(default=3.0, gt=0)
    lost: Seconds = Field(default=5.0, gt=0)
    written: Bytes = Field(default=1048576.0, gt=0)
    tolerance: Bytes = Field(default=65536.0, ge=0)
    patience: Seconds = Field(default=15.0, gt=0)

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in fields if name not in FIELDS]:
            raise ValueError(f"unknown field {', '.join(unknown)}; allowed: {', '.join(FIELDS)}")
        return fields


class ReplicationStatusProbe:
    """Observes status, missing_fields, disagreements, frozen_looks_well, heartbeat_noticed, lost_looks_well and
    well_again."""

    parameters = ReplicationStatusParameters
    needs = frozenset({Capability.SQL, Capability.APPLICATION, Capability.PAUSE, Capability.KILL, Capability.WRITE})

    def observe(self, context: Context, parameters: ReplicationStatusParameters) -> Iterator[Observation]:
        """Compare, freeze, compare, kill, compare: each standby in turn. Raises NotMeasurable."""
        if context.stack.runtime == "external":
            raise MissingCapability("only standbys that gonogo started itself are frozen and killed by this probe")
        primary = context.stack.postgres()
        if not primary.standbys:
            raise NotMeasurable("the primary has no standby to be told of")
        with application_of(context.stack) as application:
            watch = Watch(context=context, parameters=parameters, application=application, primary=primary)
            try:
                yield from watch.healthy()
                for name, standby in primary.standbys.items():
                    yield from watch.frozen(name.rpartition("/")[2], standby)
                    yield from watch.lost(name.rpartition("/")[2], standby)
            finally:
                context.recorder.artifact(TRANSCRIPT, "\n".join(watch.transcript) + "\n")


PROBE = ReplicationStatusProbe()


@dataclass(kw_only=True)
class Watch:
    """One look at an application's reports."""

    context: Context
    parameters: ReplicationStatusParameters
    application: Application
    primary: PostgresServer
    transcript: list[str] = field(default_factory=list)

    @property
    def spec(self) -> ReplicationSpec:
        """The contract's request. Raises MissingCapability."""
        found = self.application.contract.replication
        if found is None:
            raise MissingCapability("the contract declares no replication request")
        return found

    def healthy(self) -> Iterator[Observation]:
        """Status, fields and agreement while all is well."""
        answer = self._ask("healthy")
        yield _status(answer, "healthy")
        if not answer.ok:
            return
        self._wait_for_replay()
        before = self._truth()
        report = report_of(self.spec, self._ask("healthy"), self.parameters.fields)
        detail = f"required are {', '.join(self.parameters.fields)}"
        yield Observation(name="missing_fields", value=report.missing, n=len(self.parameters.fields), detail=detail)
        yield self._disagreements("healthy", report, before)

    def frozen(self, name: str, standby: PostgresServer) -> Iterator[Observation]:
        """What is reported of a standby whose processes stand still."""
        standby.pause()
        try:
            since = time.monotonic()
            self._write()
            self.context.deadline.sleep(self.parameters.frozen)
            before, answer = self._truth(), self._ask(f"{name} frozen")
            seconds = answer.started - since
            yield _status(answer, f"{name} frozen")
            if answer.ok:
                report = report_of(self.spec, answer, self.parameters.fields)
                yield self._disagreements(f"{name} frozen", report, before)
                yield from self._told_of_frozen(name, report.standbys.get(name), seconds)
        finally:
            standby.resume()
        yield from self._well_again(name, "thawed")

    def lost(self, name: str, standby: PostgresServer) -> Iterator[Observation]:
        """What is reported of a standby that died."""
        standby.kill()
        try:
            well = True
            until = self.context.deadline.within(self.parameters.lost)
            expired = False
            while well and not expired:
                expired = until.expired  # the last question is asked after it
                answer = self._ask(f"{name} killed")
                if not answer.ok:
                    yield _status(answer, f"{name} killed")
                    break
                found = report_of(self.spec, answer, ()).standbys.get(name)
                well = found is not None and found.state in self.spec.well
                if well:
                    self.context.deadline.sleep(POLL_SECONDS)
            else:
                detail = f"{'still' if well else 'not'} called well within {self.parameters.lost:g} s of its death"
                yield Observation(
                    name="lost_looks_well", subject=name, value=well, n=1, load_sensitive=True, detail=detail
                )
        finally:
            standby.start(self.context.deadline)
        yield from self._well_again(name, "started again")

    def _told_of_frozen(self, name: str, one: Reported | None, seconds: float) -> Iterator[Observation]:
        """Whether a report gives a frozen standby away, by state, lag and age of its last word."""
        if one is None:
            yield Observation(name="frozen_looks_well", subject=name, value=False, n=1, detail="not listed any more")
            return
        behind = one.lag_bytes is not None and one.lag_bytes >= self.parameters.written / 2
        late = one.lag_seconds is not None and one.lag_seconds >= NOTICED * seconds
        looks_well = one.state in self.spec.well and not (behind and late)
        detail = (
            f"{seconds:.1f} s frozen: state {one.state}, lag {one.lag_bytes} bytes and {one.lag_seconds} s,"
            f" last heard {one.heartbeat_age} s ago"
        )
        yield Observation(name="frozen_looks_well", subject=name, value=looks_well, n=1, detail=detail)
        noticed = one.heartbeat_age is not None and one.heartbeat_age >= NOTICED * seconds
        yield Observation(name="heartbeat_noticed", subject=name, value=noticed, n=1, detail=detail)

    def _well_again(self, name: str, what: str) -> Iterator[Observation]:
        """Whether a standby that is back is called well again, once the primary says so."""
        self._wait_for_replay()
        since = time.monotonic()

        def well() -> bool:
            answer = self._ask(f"{name} {what}")
            one = report_of(self.spec, answer, ()).standbys.get(name) if answer.ok else None
            return one is not None and one.state in self.spec.well and (one.lag_bytes or 0) < self.parameters.written

        try:
            self.context.deadline.within(self.parameters.patience).poll(
                well, every_seconds=POLL_SECONDS, what=f"{name} is called well"
            )
        except DeadlineExceeded:
            self.context.deadline.check(f"{name} is called well")
            again = False
        else:
            again = True
        detail = f"{'called' if again else 'not called'} well {time.monotonic() - since:.1f} s after it had caught up"
        yield Observation(
            name="well_again", subject=f"{name} {what}", value=again, n=1, load_sensitive=True, detail=detail
        )

    def _disagreements(self, subject: str, report: Report, before: dict[str, Known]) -> Observation:
        after = self._truth()
        found = disagreements(self.spec, report, before, after, self.parameters.tolerance)
        return Observation(name="disagreements", subject=subject, value=found, n=compared(report, before, after))

    def _truth(self) -> dict[str, Known]:
        return truth_of(self.primary, [name.rpartition("/")[2] for name in self.primary.standbys])

    def _wait_for_replay(self) -> None:
        """Until every standby streams and has replayed what there is. Raises NotMeasurable."""

        def there() -> bool:
            found = self._truth()
            return len(found) == len(self.primary.standbys) and all(
                one.state == "streaming" and one.lag_bytes < self.parameters.tolerance for one in found.values()
            )

        try:
            self.context.deadline.within(self.parameters.patience).poll(
                there, every_seconds=POLL_SECONDS, what="the standbys stream"
            )
        except DeadlineExceeded as error:
            raise NotMeasurable("not every standby streams and has replayed the primary's log") from error

    def _ask(self, when: str) -> Answer:
        tenant = next(iter(self.application.contract.tenants), None)
        answer = self.application.call("replication", tenant=tenant)
        self.transcript.append(f"{when}: {answer.request} -> {answer.outcome}\n    {answer.text[:1000]}")
        if answer.status is None or answer.rate_limited:
            raise NotMeasurable(f"{answer.request} was not answered: {answer.outcome}")
        return answer

    def _write(self) -> None:
        """Make log that a frozen standby cannot replay, without waiting for it."""
        import psycopg  # noqa: PLC0415 - listing and planning need no database driver

        from gonogo.pg.reading import server_words  # noqa: PLC0415 - as above
        from gonogo.pg.sessions import session  # noqa: PLC0415 - as above

        pieces = max(1, round(self.parameters.written / PIECE_BYTES))
        settings: dict[str, Any] = {"timeout_seconds": SESSION_SECONDS, "synchronous_commit": "local"}
        try:
            with session(self.primary.dsn(), **settings) as writer:
                writer.execute(EMIT.format(pieces=pieces).encode())
        except psycopg.Error as error:
            raise NotMeasurable(server_words(error)) from error


def _status(answer: Answer, subject: str) -> Observation:
    return Observation(name="status", subject=subject, value=answer.status, n=1, detail=answer.text[:200])
