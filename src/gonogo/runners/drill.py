"""How a restore drill runs: look, back up while writes go on, lose the source, restore elsewhere, compare.

The source is treated as lost and stays untouched. The restore goes into a scratch server that is removed at the end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from gonogo.core.errors import HarnessError, NotMeasurable, StackError, StackTimedOut
from gonogo.core.observation import Observation
from gonogo.core.quantity import format_bytes
from gonogo.drills import METHODS, Aiming, Artefact, Deferring, DrillMethod, Physical, RestoreFailed, Standing
from gonogo.pg.ledger import Ledger
from gonogo.pg.sessions import session
from gonogo.runners import drill_report, restored
from gonogo.runners.baseline import READ_SECONDS, Baseline, fingerprint_of, keep_fingerprint, take_baseline
from gonogo.runners.phases import PhaseClock
from gonogo.runners.service import PROBE_SCHEMA, Served, serve_again
from gonogo.spec.verification import DrillSpec
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer, Role, ScratchRequest

LEDGER_RATE_PER_SECOND = 50.0
LEDGER_ALONE_SECONDS = 0.5  # before the backup begins and after it has ended
SPACE_FACTOR = 4  # the dump, the restored copy, its WAL, and as much again
SPACE_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What is there before the disaster, whatever is restored after it."""

    baseline: Baseline
    ledger: Ledger
    folder: Path
    standing: ExitStack  # holds what stands by until it has been looked at


@dataclass(slots=True, kw_only=True)
class Drill:
    """One drill on its way."""

    context: Context
    method: DrillMethod
    parameters: Any
    source: PostgresServer
    before: Before
    artefact: Artefact | None = None
    standby: PostgresServer | None = None  # of a method that has one before the disaster
    disaster_at: float = 0.0
    clock: PhaseClock | None = None
    failure: str = ""  # why there is no backup
    served: Served = field(default_factory=Served)

    @property
    def baseline(self) -> Baseline:
        """The source before the disaster."""
        return self.before.baseline

    @property
    def ledger(self) -> Ledger:
        """What was written until the disaster."""
        return self.before.ledger

    def begin(self) -> float:
        """The restore begins now, if it has not: its clock starts. Returns the instant, in monotonic seconds."""
        self.clock = self.clock or PhaseClock("provision" if self.standby is None else "promote")
        return self.clock.started

    def stop(self) -> None:
        """End what collects for the backup. Safe to call twice."""
        if self.artefact is not None:
            self.artefact.stop()


def run_drill(
    context: Context, spec: DrillSpec, *, artefact_defect: str | None = None, changes: Mapping[str, Any] | None = None
) -> None:
    """Run a drill and record what it showed. `changes` replace parameters, `artefact_defect` breaks the backup.

    Raises NotMeasurable when nothing can be said.
    """
    method, parameters, source = asked(context, spec, changes)
    check_disk_space(context)
    with before_the_disaster(context, source) as before:
        drill = Drill(context=context, method=method, parameters=parameters, source=source, before=before)
        try:
            back_up(drill, before.folder, artefact_defect)
            lose_source([drill])
        finally:
            drill.stop()
        restore(drill)


def asked(
    context: Context, spec: DrillSpec, changes: Mapping[str, Any] | None = None
) -> tuple[DrillMethod, Any, PostgresServer]:
    """A drill's method, its parameters, and the server that is backed up. Raises MissingCapability."""
    method = METHODS.load(spec.method)
    parameters = method.parameters.model_validate({**spec.with_, **(changes or {})})
    return method, parameters, context.stack.postgres(getattr(parameters, "service", None))


def check_disk_space(context: Context, backups: int = 1) -> None:
    """Raise NotMeasurable where the backups and the restored copy may not fit."""
    needed = (context.facts.data_size_bytes or 0) * (SPACE_FACTOR + backups - 1) + SPACE_BYTES
    free = shutil.disk_usage(context.stack.scratch).free
    if free < needed:
        raise NotMeasurable(
            f"the drill may need {format_bytes(needed)} below {context.stack.scratch}, {format_bytes(free)} are free"
        )


@contextmanager
def before_the_disaster(context: Context, source: PostgresServer) -> Iterator[Before]:
    """Look at the source, then write to it. Raises NotMeasurable."""
    context.progress("reading the source: fingerprint, known answers, recall")
    baseline = take_baseline(context, source)
    rate = LEDGER_RATE_PER_SECOND
    with (
        tempfile.TemporaryDirectory(prefix="drill-", dir=context.stack.scratch) as folder,
        Ledger(lambda: source.dsn(Role.ADMIN), run_id=context.run.run_id, rate_per_second=rate) as ledger,
        ExitStack() as standing,
    ):
        yield Before(baseline=baseline, ledger=ledger, folder=Path(folder), standing=standing)


def back_up(drill: Drill, folder: Path, artefact_defect: str | None = None) -> None:
    """Make the backup while writes go on; why there is none is kept."""
    context = drill.context
    context.deadline.sleep(LEDGER_ALONE_SECONDS)
    context.progress("backing up")
    try:
        drill.artefact = made = drill.method.backup(context, drill.parameters, drill.source, folder)
        if isinstance(drill.method, Standing):
            stands = drill.method.standing(context, drill.parameters, drill.source, made)
            drill.standby, drill.artefact = drill.before.standing.enter_context(stands)
        if artefact_defect is not None:
            drill.artefact = _broken(drill, drill.artefact, artefact_defect)
    except RestoreFailed as error:
        drill.failure, drill.artefact = str(error), None
    context.deadline.sleep(LEDGER_ALONE_SECONDS)
    if isinstance(drill.method, Aiming) and drill.artefact is not None:
        drill.artefact = drill.method.aim(context, drill.parameters, drill.source, drill.artefact)
        context.deadline.sleep(LEDGER_ALONE_SECONDS)


def _broken(drill: Drill, artefact: Artefact, name: str) -> Artefact:
    defects = drill.method.artefact_defects()
    if name not in defects:
        raise NotMeasurable(f"there is no artefact defect {name!r} (known: {', '.join(sorted(defects))})")
    broken = defects[name](drill.context, artefact, drill.parameters)
    assert isinstance(broken, Artefact)
    return broken


def lose_source(drills: Sequence[Drill]) -> None:
    """The disaster, in the middle of the writes: from here on only the backups are there. The first is restored now.

    What is acknowledged later is owed by nobody. The writers are not waited for: that is no part of a restore.
    """
    first = drills[0]
    disaster_at = first.begin()
    first.stop()
    first.before.ledger.end()
    for drill in drills:
        drill.disaster_at = disaster_at


def restore(drill: Drill) -> None:
    """Restore, start the application, verify, and say how long each took; or record why that failed."""
    drill.begin()
    _restored(drill)
    for observation in drill_report.exposure(drill.context, drill.parameters, drill.artefact):
        drill.context.observe(observation)
    drill.context.draw(drill_report.timeline(drill))


def _restored(drill: Drill) -> None:
    context, clock = drill.context, drill.clock
    assert clock is not None
    if drill.artefact is None:
        context.observe(drill_report.not_restored(drill.failure))
        return
    what = f"restoring {format_bytes(drill.artefact.size_bytes)} into a fresh server"
    context.progress(what if drill.standby is None else "promoting the standby")
    try:
        with _target(drill) as target:
            drill.method.restore(context, drill.parameters, drill.artefact, target, clock)
            with _analysed(drill, target) as snapshot:
                context.progress("starting the application on the restored database")
                finish = partial(_finish, drill, target)
                drill.served = serve_again(context, target, drill.baseline, clock, finish)
                context.progress("comparing the restored database with the source")
                _verify(drill, target, snapshot)
    except RestoreFailed as error:
        context.observe(drill_report.not_restored(str(error)))


@contextmanager
def _target(drill: Drill) -> Iterator[PostgresServer]:
    """A fresh server, or one that starts from the restored files.

    Raises RestoreFailed where those do not start, NotMeasurable where the time for it ran out.
    """
    context, method = drill.context, drill.method
    if drill.standby is not None:
        refuse_source(drill.source, drill.standby)
        yield drill.standby
        return
    request = ScratchRequest(name="restored")
    if isinstance(method, Physical):
        assert drill.artefact is not None
        assert drill.clock is not None
        request = ScratchRequest(
            name="restored",
            settings=method.settings(drill.parameters, drill.artefact),
            fill=partial(method.fill, context, drill.parameters, drill.artefact, phases=drill.clock),
            phase=drill.clock.begin,
        )
    with ExitStack() as scratch:
        try:
            target = scratch.enter_context(context.stack.scratch_postgres(request, context.deadline))
        except StackTimedOut as error:
            raise NotMeasurable(f"whether the restored server starts is not known: {error}") from error
        except StackError as error:
            if request.fill is None:
                raise
            raise RestoreFailed(f"no server starts from the restored files: {error}") from error
        refuse_source(drill.source, target)
        yield target


def _finish(drill: Drill, target: PostgresServer) -> None:
    """What the method left for later, if it did."""
    if isinstance(drill.method, Deferring):
        assert drill.artefact is not None
        assert drill.clock is not None
        drill.method.finish(drill.context, drill.parameters, drill.artefact, target, drill.clock)


def refuse_source(source: PostgresServer, target: PostgresServer) -> None:
    """Raise HarnessError before any command when the restore would go into what was backed up."""
    if (target.host, target.port) in {(one.host, one.port) for one in (source, *source.standbys.values())}:
        raise HarnessError(f"the restore's target {target.name} is the source itself, or a standby of it")


@contextmanager
def _analysed(drill: Drill, target: PostgresServer) -> Iterator[str]:
    """ANALYZE, without which the planner is wrong about everything; then a snapshot of what was restored.

    Files bring the statistics with them.
    """
    assert drill.clock is not None
    statistics_came_along = isinstance(drill.method, Physical) or drill.standby is not None
    drill.clock.begin("snapshot" if statistics_came_along else "analyze")  # ours: the server was back before it
    with ExitStack() as sessions:
        holder = sessions.enter_context(session(target.dsn(), timeout_seconds=READ_SECONDS))
        if not statistics_came_along:
            holder.execute("ANALYZE")
        yield restored.snapshot_of(holder)


def _verify(drill: Drill, target: PostgresServer, snapshot: str) -> None:
    for observation in _verified(drill, target, snapshot):
        drill.context.observe(observation)


def _verified(drill: Drill, target: PostgresServer, snapshot: str) -> Iterator[Observation]:
    """What the restored database shows, one thing after the other: what is seen is kept whatever comes later."""
    context, baseline = drill.context, drill.baseline
    drill.ledger.stop()
    ours = [drill.ledger.schema, PROBE_SCHEMA]
    try:
        after = fingerprint_of(target, without_schemas=ours, snapshot=snapshot)
    except psycopg.errors.DataCorrupted as error:
        yield drill_report.not_restored(f"the restored rows cannot be read: {error}")
        yield restored.pages(target)
        return
    evidence = keep_fingerprint(context, "restored", after)
    yield drill_report.restored_rows(baseline.fingerprint, after)
    later = fingerprint_of(drill.source, without_schemas=ours)
    vectors = baseline.searched.table.vector if baseline.searched else None
    yield from restored.rows_and_objects(baseline.fingerprint, after, later, evidence, vectors=vectors)
    found = restored.search(target, baseline)
    yield from drill_report.recovery_times(drill, index_used=found.index_used)
    yield from found.observations
    yield restored.isolation(target, baseline, context)
    assert drill.artefact is not None  # it was restored
    yield from restored.ledger_counts(target, drill.ledger, drill.disaster_at, drill.artefact.target)
    yield restored.missing_from_backup(target, drill.ledger, drill.artefact, drill.disaster_at)
    yield restored.pages(target)  # last: it adds an extension
