"""Disasters of the reference stack, and what they really cost: by psql and the logs, and by no counting of gonogo's."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

import psycopg
from psycopg.conninfo import make_conninfo

from gonogo.core.deadline import Deadline
from gonogo.core.observation import Observation
from gonogo.drills import Aiming, Artefact
from gonogo.engine.discover import discover
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.run import Observer, opened, start
from gonogo.pg.ledger import Entry, Ledger
from gonogo.rundir.directory import Recorder
from gonogo.runners import restored
from gonogo.runners.baseline import Baseline, take_baseline
from gonogo.runners.drill import LEDGER_RATE_PER_SECOND, Before, Drill, asked, back_up, lose_source, restore
from gonogo.runners.strategies import Noting
from gonogo.spec.verification import DrillSpec
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import HttpService, PostgresServer, ScratchRequest, Stack
from gonogo.stacks.local.server import LocalPostgres

Key = tuple[int, int]
ITEM = "restore_drills/truth"
LONGEST_SECONDS = 300.0
ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d [0-9:.]{12} UTC \[)", re.MULTILINE)  # a statement has more lines
READY = "database system is ready to accept connections"
EXECUTED = "  execute "
DISTANCE = "<=>"  # the reference service's search
WITNESS = "gonogo_truth_witness"
WAL_WRITER = "wal_writer_delay 200 ms"
WITNESS_SECONDS = (0.001, 0.015)  # between two of its writes


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was read of a restored server and its application while they were there. Instants are wall-clock seconds."""

    rows: set[Key] = field(default_factory=set)  # of the ledger
    witnessed: set[int] = field(default_factory=set)  # of the second writer
    log: str = ""  # the server's
    requests: Sequence[dict[str, Any]] = ()  # of the application's log


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One disaster: what gonogo says of it, and what is true."""

    strategy: str
    measured: dict[str, Any]  # observations without a subject, by name
    entries: Sequence[Entry]  # the writers' own log
    until: float  # what was acknowledged by then is owed, in monotonic seconds
    seen: Seen
    witness: Sequence[tuple[int, float]] = ()  # number and instant of acknowledgement
    phase_ends: dict[str, float] = field(default_factory=dict)  # by name, wall clock
    began: float = 0.0  # of the restore, wall clock
    setting: str = ""
    delay_seconds: float = 0.0  # of the network between primary and standby


class Watched:
    """A stack whose restored copies are read before they go; everything else is the stack's own."""

    def __init__(self, stack: Stack, ledger: Ledger, seen: Seen) -> None:
        self._stack, self._ledger, self._seen = stack, ledger, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stack, name)

    @contextmanager
    def scratch_postgres(self, request: ScratchRequest, deadline: Deadline) -> Iterator[PostgresServer]:
        """With every statement in its log."""
        wordy = replace(request, settings={**request.settings, "log_min_duration_statement": "0"})
        with self._stack.scratch_postgres(wordy, deadline) as server:
            try:
                yield server
            finally:
                assert isinstance(server, LocalPostgres)
                self._seen.rows = ledger_rows(server, self._ledger)
                self._seen.witnessed = {number for (number,) in copied(server, f"SELECT number FROM {WITNESS}.rows")}
                self._seen.log = (server.folder / "log" / "server.log").read_text(errors="replace")

    @contextmanager
    def scratch_application(self, database: PostgresServer, deadline: Deadline) -> Iterator[HttpService]:
        """With its log kept."""
        with self._stack.scratch_application(database, deadline) as service:
            try:
                yield service
            finally:
                lines = [json.loads(line) for line in service.log_text().splitlines() if line.startswith("{")]
                self._seen.requests = [line for line in lines if line.get("event") == "request"]


def copied(server: PostgresServer, query: str) -> list[tuple[int, ...]]:
    """What psql copies out: nothing of gonogo counts. Nothing where there is no such table."""
    arguments = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--command=COPY ({query}) TO STDOUT"]
    done = server.tool("psql", arguments, deadline=Deadline.after(60))
    if done.exit_code:
        if "does not exist" in done.stderr:
            return []
        raise RuntimeError(f"psql: {done.stderr}")
    return [tuple(int(cell) for cell in line.split("\t")) for line in done.stdout.splitlines()]


def ledger_rows(server: PostgresServer, ledger: Ledger) -> set[Key]:
    """Of a ledger, as psql sees them."""
    return {(row[0], row[1]) for row in copied(server, f"SELECT stream, number FROM {ledger.schema}.entries")}


class Witness:
    """A second writer with a log of its own, at random intervals; on leaving it ends and its table goes."""

    def __init__(self, dsn: Callable[[], str], dice: random.Random) -> None:
        self.log: list[tuple[int, float]] = []
        self._dsn, self._dice = dsn, dice
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {WITNESS} CASCADE".encode())
            connection.execute(f"CREATE SCHEMA {WITNESS}".encode())
            connection.execute(f"CREATE TABLE {WITNESS}.rows (number bigint)".encode())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._thread.join(10)
        try:
            with psycopg.connect(self._dsn(), autocommit=True, connect_timeout=2) as connection:
                connection.execute(f"DROP SCHEMA IF EXISTS {WITNESS} CASCADE".encode())
        except psycopg.OperationalError:
            pass  # its server is the one that was lost

    def end(self) -> None:
        """No more writes."""
        self._stop.set()

    def _write(self) -> None:
        try:
            with psycopg.connect(self._dsn(), autocommit=True) as connection:
                number = 0
                while not self._stop.wait(self._dice.uniform(*WITNESS_SECONDS)):
                    number += 1
                    connection.execute(f"INSERT INTO {WITNESS}.rows VALUES ({number})".encode())
                    self.log.append((number, time.monotonic()))
        except psycopg.Error:
            return  # the disaster


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running reference stack."""

    context: Context
    specs: dict[str, DrillSpec]
    baseline: Baseline
    dice: random.Random

    @property
    def source(self) -> PostgresServer:
        """Its primary."""
        return self.context.stack.postgres()


@contextmanager
def running(folder: Path, dice: random.Random, **changes: Any) -> Iterator[Running]:
    """Start one, look at it, end it."""
    inputs = read_inputs(RunOptions(out=folder, runtime="embedded", stack_changes=changes))
    with opened(inputs, Observer()) as (directory, services), ExitStack() as cleanup:
        stack = start(inputs, services, Deadline.after(LONGEST_SECONDS))
        cleanup.callback(stack.close)
        context = Context(
            stack=stack, facts=discover(stack), recorder=Recorder(directory, ITEM),
            deadline=Deadline.after(LONGEST_SECONDS), run=services, item_path=inputs.stack.path,
        )  # fmt: skip
        specs = {name.partition("/")[2]: one.spec for name, one in inputs.verifications.items()}
        yield Running(context=context, specs=specs, baseline=take_baseline(context, stack.postgres()), dice=dice)


def drilled(
    stack: Running, name: str, strategy: str, *, to_the_end: bool = False, without_partial: bool = False
) -> Case:
    """One drill of the shipped file `name`, with a disaster at a random instant."""
    noting, seen = Noting(stack.context.recorder, silent=True), Seen()
    context = replace(stack.context, deadline=Deadline.after(LONGEST_SECONDS), recorder=noting)
    ledger = Ledger(stack.source.dsn, run_id=context.run.run_id, rate_per_second=LEDGER_RATE_PER_SECOND)
    with Witness(stack.source.dsn, stack.dice) as witness, ledger, ExitStack() as standing:
        folder = context.stack.scratch / f"truth-{stack.dice.getrandbits(32):08x}"
        folder.mkdir(mode=0o700)
        watched = replace(context, stack=cast("Stack", Watched(context.stack, ledger, seen)))
        method, parameters, source = asked(watched, stack.specs[name])
        drill = Drill(
            context=watched, method=method, parameters=parameters, source=source,
            before=Before(baseline=stack.baseline, ledger=ledger, folder=folder, standing=standing),
        )  # fmt: skip
        back_up(drill, folder)
        assert drill.artefact is not None, drill.failure
        if to_the_end:
            assert isinstance(method, Aiming)
            drill.parameters, drill.artefact = method.to_the_end(parameters), replace(drill.artefact, target=None)
        time.sleep(stack.dice.uniform(0, 1))
        lose_source([drill])
        witness.end()
        if without_partial:
            _not_renamed(drill.artefact)
        restore(drill)
        assert drill.clock is not None
        until = drill.artefact.target.before if drill.artefact.target else drill.disaster_at
        offset = time.time() - time.monotonic()
        ends = {phase.name: phase.end_ns * 1e-9 + offset for phase in drill.clock.phases}
        return Case(
            strategy=strategy, measured=_by_name(noting.observations), entries=ledger.entries, until=until, seen=seen,
            witness=tuple(witness.log), phase_ends=ends, began=drill.clock.started + offset,
        )  # fmt: skip


def _not_renamed(artefact: Artefact) -> None:
    """A restore_command that knows whole segments only: what the receiver had not finished is not found."""
    for path in (artefact.path / "wal").glob("*.partial"):
        path.rename(path.with_suffix(".unfinished"))


def primary_lost(stack: Running, strategy: str) -> Case:
    """The primary dies for good, its proxy with it, and its only standby is promoted: no drill, the real thing."""
    primary = stack.source
    (standby,) = primary.standbys.values()
    ledger = Ledger(primary.dsn, run_id=stack.context.run.run_id, rate_per_second=LEDGER_RATE_PER_SECOND)
    with Witness(primary.dsn, stack.dice) as witness, ledger:
        time.sleep(stack.dice.uniform(1, 2.5))
        proof = primary.kill()
        ledger.stop()
        standby.promote(Deadline.after(60))
        return _counted(standby, ledger, witness, until=proof.killed_at, strategy=strategy)


def restarted(stack: Running, strategy: str) -> Case:
    """The primary dies and starts again from its own disk; commits do not wait for the disk."""
    primary = stack.source

    def dsn() -> str:
        return make_conninfo(primary.dsn(), options="-c synchronous_commit=off")

    ledger = Ledger(dsn, run_id=stack.context.run.run_id, rate_per_second=LEDGER_RATE_PER_SECOND)
    with Witness(dsn, stack.dice) as witness, ledger:
        time.sleep(stack.dice.uniform(1, 2.5))
        proof = primary.kill()
        ledger.stop()
        primary.start(Deadline.after(120))
        return _counted(primary, ledger, witness, until=proof.killed_at, strategy=strategy, setting=WAL_WRITER)


def _counted(
    server: PostgresServer, ledger: Ledger, witness: Witness, *, until: float, strategy: str, setting: str = ""
) -> Case:
    """As the drill counts, and as psql sees it."""
    measured = _by_name(restored.ledger_counts(server, ledger, until, None))
    seen = Seen(rows=ledger_rows(server, ledger))
    seen.witnessed = {number for (number,) in copied(server, f"SELECT number FROM {WITNESS}.rows")}
    return Case(
        strategy=strategy, measured=measured, entries=ledger.entries, until=until, seen=seen,
        witness=tuple(witness.log), setting=setting,
    )  # fmt: skip


def _by_name(observations: Sequence[Observation] | Iterator[Observation]) -> dict[str, Any]:
    return {one.name: one.value for one in observations if not one.subject}


def logged(log: str, *words: str, after: float = 0.0) -> list[float]:
    """When a server's log has these words, as wall-clock seconds to the millisecond, in order."""
    entries = [one.partition(" UTC ") for one in ENTRY.split(log) if all(word in one for word in words)]
    instants = [datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for at, _, _ in entries]
    return [instant for instant in instants if instant >= after]
