"""Whether what is kept too long is really archived and deleted: rows that are overdue, and rows that are made overdue.

That no row is overdue proves little where all rows are young. So documents are stored through the application, their
instants are set back in the database, the job is run, and both the database and the application are asked for them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._steps import absent
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.contract import Answer, Application, application_of

if TYPE_CHECKING:
    from psycopg import sql

    from gonogo.pg.sessions import Connection
    from gonogo.spec.stack import RetentionSpec
    from gonogo.stacks.context import Context

SESSION_SECONDS = 20.0
POLL_SECONDS = 0.2
AFTER_A_REQUEST_SECONDS = 5.0  # it may only have been accepted
FIRST_RUN_SECONDS = 10.0  # of a service that was started just now
MARGIN = 1.01  # how far beyond its age a row is set, and how far before it one that must stay
K = 10
NEVER = 1e6  # intervals
OLD, EXPIRED, ARCHIVED, YOUNG = "old", "expired", "archived", "young"


class RetentionParameters(Spec):
    """`patience`: how long the job is waited for where the contract has no request that starts it."""

    patience: Seconds = Field(default=30.0, gt=0)


class RetentionProbe:
    """Observes overdue_rows, runs_missed, not_archived, expired_rows_left, expired_answers, archived_found and
    young_rows_lost."""

    parameters = RetentionParameters
    needs = frozenset({Capability.SQL, Capability.APPLICATION, Capability.WRITE})

    def observe(self, context: Context, parameters: RetentionParameters) -> Iterator[Observation]:
        """Look at what there is, then at what becomes of documents that are made old. Raises NotMeasurable."""
        import psycopg  # noqa: PLC0415 - listing and planning need no database driver

        from gonogo.pg.sessions import session  # noqa: PLC0415 - as above

        rule = context.stack.spec.data.retention
        if rule is None:
            raise MissingCapability("the stack file declares no data.retention")
        if rule.table not in context.facts.tables:
            raise NotMeasurable(f"data.retention names the table {rule.table}, which is not there")
        with (
            session(context.stack.postgres().dsn(), timeout_seconds=SESSION_SECONDS) as connection,
            application_of(context.stack) as application,
        ):
            trial = Trial(
                context=context, rule=rule, patience_seconds=parameters.patience, connection=connection,
                application=application, table=context.facts.tables[rule.table].name,
            )  # fmt: skip
            try:
                yield trial.overdue()
                missed = trial.runs_missed()  # before the job is run for us
                yield from trial.made_old()
                if missed is None:
                    raise NotMeasurable("data.retention names no table of the job's runs")
                yield missed
            except psycopg.Error as error:
                raise NotMeasurable(f"the database could not be asked: {error}") from error
            finally:
                trial.clean_up()


PROBE = RetentionProbe()


@dataclass(kw_only=True)
class Trial:
    """Documents of one run, and what becomes of them."""

    context: Context
    rule: RetentionSpec
    patience_seconds: float
    connection: Connection
    application: Application
    table: str  # as the server writes it, quoted where it must be
    token: str = field(default_factory=lambda: f"gonogo{secrets.token_hex(5)}")
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def tenant(self) -> str | None:
        """Whose documents they are."""
        return next(iter(self.application.contract.tenants), None)

    # --- what there is

    def overdue(self) -> Observation:
        """Rows that should have been gone by the time of the next run of the job, which may itself be under way."""
        row = self._row(
            "SELECT count(*), count(*) FILTER (WHERE {archived} < now() - make_interval(secs => %s)),"
            " min({archived})::text FROM {table}",
            [self.rule.delete_after + 2 * self.rule.every],
        )
        rows, overdue, oldest = row
        detail = f"the oldest was archived at {oldest}" if overdue else f"of {rows} rows"
        return Observation(name="overdue_rows", value=overdue, unit="count", n=rows, detail=detail)

    def runs_missed(self) -> Observation | None:
        """How many of its intervals the job's last good run lies back; a job that never ran well: very many."""
        if self.rule.runs is None:
            return None
        first = self.context.deadline.within(FIRST_RUN_SECONDS)
        while (age := self._age_of_last_run()) is None and not first.expired:
            first.sleep(POLL_SECONDS)
        detail = "there is no run that ended well" if age is None else f"the last one ended {age:.0f} s ago"
        missed = NEVER if age is None else max(0.0, age) / self.rule.every
        return Observation(name="runs_missed", value=missed, unit="count", n=1, detail=detail)

    def _age_of_last_run(self) -> float | None:
        """Seconds; None where no run has ended well."""
        (age,) = self._row("SELECT extract(epoch FROM now() - max({finished}))::float8 FROM {runs}", [])
        return None if age is None else float(age)

    # --- what becomes of what is old

    def made_old(self) -> Iterator[Observation]:
        """Store, set back, run the job, look."""
        for name in (OLD, EXPIRED, ARCHIVED, YOUNG):
            self._store(name)
        self._set_back()
        archived = [OLD, ARCHIVED] if self.application.declares("archive") else [OLD]
        patience = self.context.deadline.within(self._run_job())
        while any(left := self._left(archived)) and not patience.expired:
            patience.sleep(POLL_SECONDS)
        not_archived, rows, answers, found = left
        yield self._states("not_archived", [OLD], not_archived)
        yield self._states("expired_rows_left", [EXPIRED], rows)
        yield self._states("expired_answers", [EXPIRED], answers)
        if not self.application.declares("document"):
            has_none, reason = absent(self.application.contract, "document")
            yield Observation(
                name="expired_answers", subject="document", value=None, n=0, not_applicable=has_none, detail=reason
            )
        yield self._states("archived_found", archived, found)
        yield self._states("young_rows_lost", [YOUNG, ARCHIVED], self._lost())

    def clean_up(self) -> None:
        """Delete the documents; what is gone is gone."""
        for identity in self.ids.values():
            if self.application.declares("delete"):
                self.application.delete(self.tenant, identity)

    def _store(self, name: str) -> None:
        asked = f"{self.token}-{name}"
        text = f"The {asked} rests in the third drawer of the harbour office."
        answer = self.application.ingest(self.tenant, asked, f"About the {asked}", text)
        self._insist(answer)
        self.ids[name] = self.application.stored_id(answer, asked)
        if name not in self._found([name], quiet=True):
            raise NotMeasurable(f"a document that was stored just now is not found, so nothing is proven by {name}")

    def _set_back(self) -> None:
        """Instants as if time had passed; a trigger that moves them forward again would make this worthless."""
        archive, delete = self.rule.archive_after, self.rule.delete_after
        self._archive(EXPIRED)
        self._archive(ARCHIVED)
        ages = {
            OLD: (archive * MARGIN, None),
            EXPIRED: ((archive + delete) * MARGIN, delete * MARGIN),
            ARCHIVED: (archive * MARGIN, delete / 2),
            YOUNG: (archive / 2, None),
        }
        for name, (created, archived) in ages.items():
            self._execute(
                "UPDATE {table} SET {created} = now() - make_interval(secs => %s),"
                " {archived} = now() - make_interval(secs => %s) WHERE {id}::text = %s",
                [created, archived, self.ids[name]],
            )

    def _archive(self, name: str) -> None:
        """As a client does it where the contract says how, so that what hangs on the row is treated as always."""
        if self.application.declares("archive"):
            self._insist(self.application.call("archive", tenant=self.tenant, id=self.ids[name]))

    def _run_job(self) -> float:
        """Returns how many seconds it may still be at work."""
        if self.application.declares("retention"):
            self._insist(self.application.call("retention", tenant=self.tenant))
            return AFTER_A_REQUEST_SECONDS
        if self.rule.every > self.patience_seconds:
            raise NotMeasurable(
                f"the job runs every {self.rule.every:g} s, and the contract has no retention request to start it"
            )
        self.context.deadline.sleep(self.rule.every)
        return max(self.patience_seconds - self.rule.every, AFTER_A_REQUEST_SECONDS)

    def _left(self, archived: Sequence[str]) -> tuple[list[str], list[str], list[str], list[str]]:
        """What is not archived, rows and answers of what has expired, and what is archived and found all the same."""
        return self._not_archived(), self._rows_left(), self._answers(EXPIRED), self._found(archived)

    def _not_archived(self) -> list[str]:
        """An old row that has no instant of archiving; one that is gone was deleted where it had to be kept."""
        statement = "SELECT count(*), count({archived}) FROM {table} WHERE {id}::text = %s"
        rows, archived = self._row(statement, [self.ids[OLD]])
        if archived:
            return []
        return [OLD] if rows else [f"{OLD}: is gone"]

    def _rows_left(self) -> list[str]:
        """Tables that still hold the expired document, or something that hangs on it."""
        left = []
        if self._row("SELECT count(*) FROM {table} WHERE {id}::text = %s", [self.ids[EXPIRED]])[0]:
            left.append(self.table)
        for key, table in self.context.stack.spec.data.tables.items():
            facts = self.context.facts.tables.get(key)
            if table.document is None or facts is None or facts.name == self.table:
                continue
            statement = "SELECT count(*) FROM {other} WHERE {document}::text = %s"
            if self._row(statement, [self.ids[EXPIRED]], other=facts.name, document=table.document)[0]:
                left.append(facts.name)
        return left

    def _answers(self, name: str) -> list[str]:
        """Requests of the application that still answer with the document."""
        found = [f"search: {one}" for one in self._found([name])]
        if self.application.declares("document"):
            answer = self.application.document(self.tenant, self.ids[name])
            if answer.status is None:
                raise NotMeasurable(f"{answer.request} was not answered: {answer.error}")
            if answer.ok:
                found.append(f"document: {answer.request} answered {answer.outcome}")
        return found

    def _lost(self) -> list[str]:
        """Rows that are not old enough to be deleted, and are gone; a young one must also be found."""
        present = "SELECT count(*) FROM {table} WHERE {id}::text = %s"
        gone = [name for name in (YOUNG, ARCHIVED) if not self._row(present, [self.ids[name]])[0]]
        hidden = [] if YOUNG in gone or YOUNG in self._found([YOUNG]) else [f"{YOUNG}: is there and is not found"]
        return gone + hidden

    def _found(self, names: Sequence[str], *, quiet: bool = False) -> list[str]:
        """Those of the documents that a search for them finds."""
        found = []
        for name in names:
            answered = self.application.search(self.tenant, f"Where does the {self.token}-{name} rest?", K)
            if not quiet:
                self._insist(answered.answer)
            if self.ids[name] in [hit.document for hit in answered.hits]:
                found.append(name)
        return found

    def _states(self, name: str, looked_at: Sequence[str], wrong: Sequence[str]) -> Observation:
        return Observation(name=name, value=tuple(wrong), n=len(looked_at))

    def _insist(self, answer: Answer) -> None:
        if not answer.ok:
            raise NotMeasurable(f"{answer.request} answered {answer.outcome}: nothing can be said without it")

    # --- SQL

    def _row(self, statement: str, values: Sequence[Any], **names: str) -> tuple[Any, ...]:
        row = self.connection.execute(self._composed(statement, names), values).fetchone()
        assert row is not None  # an aggregate gives one row
        return tuple(row)

    def _execute(self, statement: str, values: Sequence[Any]) -> None:
        touched = self.connection.execute(self._composed(statement, {}), values).rowcount
        if touched != 1:
            raise NotMeasurable(f"the id that the application gave names {touched} rows of {self.table}")

    def _composed(self, statement: str, names: dict[str, str]) -> sql.Composed:
        from psycopg import sql  # noqa: PLC0415 - see RetentionProbe.observe

        runs = self.rule.runs
        columns = {"id": self.rule.id, "created": self.rule.created, "archived": self.rule.archived}
        columns |= {"finished": runs.finished} if runs else {}
        columns |= {name: value for name, value in names.items() if name == "document"}
        tables = {"table": self.table, "other": names.get("other", self.table)}
        known: dict[str, sql.Composable] = {name: sql.Identifier(value) for name, value in columns.items()}
        known |= {name: sql.SQL(value) for name, value in tables.items()}  # regclass text
        known |= {"runs": sql.Identifier(*runs.table.split("."))} if runs else {}
        return sql.SQL(statement).format(**known)
