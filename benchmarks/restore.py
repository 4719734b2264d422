"""Ways to restore vectors with their HNSW index, and what verifying them costs, against pg_restore as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from benchmarks._result import Claim, Options, Result, Table
from benchmarks._vectors import FULL_ROWS, LONGEST_SECONDS, MIB, SMALL_ROWS, Filled, filled
from gonogo.drills import Artefact
from gonogo.drills.pg_basebackup import METHOD as BASE
from gonogo.drills.pg_basebackup import PgBasebackupParameters
from gonogo.drills.pg_dump import METHOD as DUMP
from gonogo.drills.pg_dump import PgDumpParameters, Restoring, maintenance_memory_bytes
from gonogo.pg import bulk, soundness
from gonogo.pg.fingerprint import take_fingerprint
from gonogo.pg.sessions import session
from gonogo.runners.phases import PhaseClock
from gonogo.runners.restored import pages_of
from gonogo.stacks.fresh import drop_empty_database
from gonogo.stacks.interfaces import PostgresServer, ScratchRequest

JOBS = 2
SETTINGS, ROWS, EARLY, FILES, VERIFYING = 0.40, 0.33, 0.05, 0.03, 0.10  # of pg_restore's time; the last of SETTINGS'
FINGERPRINT_SECONDS = 0.2  # of 100,000 rows
NOTE = """\
The reference stack's 10,000 vectors and {rows} more of 384 dimensions with texts of 494 characters, each set with an
HNSW index; the dump has {dump} MiB, the base backup {base} MiB. Every time begins before the empty server is provided
and ends with an answer by the index that is as near as it should be; ANALYZE is part of all but the base backup.
gonogo chose maintenance_work_mem = {memory} MiB, pg_restore had the server's default of 64 MiB. The first correct
answer is one by an exact search, equal to the source's. Ways run in turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """What is restored: the same content, backed up in three ways."""

    dump: Artefact
    without_rows: Artefact
    rows: Sequence[bulk.Part]
    files: Artefact


@dataclass(slots=True, kw_only=True)
class Timed:
    """One way's times in seconds, a restore each. `early` ends with the first correct answer."""

    full: list[float] = field(default_factory=list)
    early: list[float] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Watch:
    """The clock of one restore."""

    began: float = field(default_factory=time.monotonic)
    early: float | None = None

    def answered(self) -> None:
        """The first correct answer is there."""
        self.early = time.monotonic() - self.began


Way = Callable[[Filled, Backups, Watch], None]


def measure(options: Options) -> Result:
    """Restore the same content in every way, in turns; compare the medians."""
    rounds = options.count(small=1, full=3)
    rows = FULL_ROWS if options.full else SMALL_ROWS
    with filled(rows) as made:
        backups = _backed_up(made)
        times = {name: Timed() for name in WAYS}
        for number in range(rounds):
            for name in list(WAYS) if number % 2 == 0 else list(WAYS)[::-1]:
                _time(WAYS[name], made, backups, times[name])
        verifying = _verifying(made, rounds)
        memory = maintenance_memory_bytes(made.context.facts) // MIB
    sizes = {"dump": backups.dump.size_bytes // MIB, "base": backups.files.size_bytes // MIB}
    return Result(
        claims=_claims(times, verifying, rows),
        tables=[_table(times), _costs(verifying)],
        notes=[NOTE.format(rows=rows, memory=memory, **sizes)],
        not_measured=["other numbers of processors, and sizes beyond this one."],
    )


def _backed_up(made: Filled) -> Backups:
    context, source = made.context, made.source
    folder = made.folder("backups")
    dump = DUMP.backup(context, PgDumpParameters(), source, folder)
    with session(source.dsn(), timeout_seconds=LONGEST_SECONDS) as connection:
        tables = bulk.tables(connection)
    parts, _ = bulk.copy_out(source.dsn(), tables, made.folder("rows"), jobs=JOBS, timeout_seconds=LONGEST_SECONDS)
    path = folder / "without_rows"
    without = [f'--exclude-table-data="{one.schema}"."{one.name}"' for one in tables]
    done = source.tool("pg_dump", ["--format=custom", f"--file={path}", *without], deadline=context.deadline)
    assert done.exit_code == 0, done.stderr
    return Backups(
        dump=dump,
        without_rows=Artefact(path=path, size_bytes=path.stat().st_size, seconds=done.seconds, covers_until=0.0),
        rows=parts,
        files=BASE.backup(context, PgBasebackupParameters(), source, folder),
    )


def _time(way: Way, made: Filled, backups: Backups, timed: Timed) -> None:
    watch = Watch()
    way(made, backups, watch)
    full = time.monotonic() - watch.began
    timed.full.append(full)
    timed.early.append(watch.early or full)


@contextmanager
def _served(made: Filled, request: ScratchRequest) -> Iterator[PostgresServer]:
    """A server of its own; what was restored into it must answer by its index."""
    with made.context.stack.scratch_postgres(request, made.context.deadline) as target:
        yield target
        with session(target.dsn(), timeout_seconds=LONGEST_SECONDS) as connection:
            assert made.question.is_near(made.question.by_index(connection)), "the index finds what is not near"


def _answered(made: Filled, target: PostgresServer, watch: Watch) -> None:
    """ANALYZE, and the first correct answer, by an exact search."""
    with session(target.dsn(), timeout_seconds=LONGEST_SECONDS) as connection:
        connection.execute("ANALYZE")
        assert made.question.is_right(made.question.exactly(connection)), "an exact search finds something else"
    watch.answered()


def _as_it_comes(made: Filled, backups: Backups, watch: Watch) -> None:
    with _served(made, ScratchRequest(name="plain")) as target:
        arguments = ["--exit-on-error", f"--dbname={target.database}", str(backups.dump.path)]
        done = target.tool("pg_restore", arguments, deadline=made.context.deadline)
        assert done.exit_code == 0, done.stderr
        _answered(made, target, watch)


def _by_settings(made: Filled, backups: Backups, watch: Watch) -> None:
    parameters, phases = PgDumpParameters(), PhaseClock("restore")
    with _served(made, ScratchRequest(name="settings")) as target:
        DUMP.restore(made.context, parameters, backups.dump, target, phases)
        _answered(made, target, watch)
        DUMP.finish(made.context, parameters, backups.dump, target, phases)


def _by_rows(made: Filled, backups: Backups, watch: Watch) -> None:
    parameters = PgDumpParameters()
    with _served(made, ScratchRequest(name="rows")) as target:
        restoring = Restoring(made.context, parameters, backups.without_rows, target)
        drop_empty_database(target)
        restoring.run("pre-data", create=True)
        restoring.run("data")
        bulk.copy_in(target.dsn(), backups.rows, jobs=JOBS, timeout_seconds=LONGEST_SECONDS)
        entries, of_vector_indexes = restoring.list_of_post_data()
        restoring.run("post-data", only=[entry for entry in entries if entry not in of_vector_indexes])
        _answered(made, target, watch)
        restoring.run("post-data", only=of_vector_indexes)


def _by_files(made: Filled, backups: Backups, watch: Watch) -> None:
    parameters, phases = PgBasebackupParameters(), PhaseClock("provision")
    fill = partial(BASE.fill, made.context, parameters, backups.files, phases=phases)
    request = ScratchRequest(name="files", settings=BASE.settings(parameters, backups.files), fill=fill)
    with _served(made, request) as target:
        BASE.restore(made.context, parameters, backups.files, target, phases)
    assert watch.early is None  # its first answer is the one by the index


WAYS: Mapping[str, Way] = {
    "pg_restore as it comes": _as_it_comes,
    "the drill's settings": _by_settings,
    "binary COPY": _by_rows,
    "base backup": _by_files,
}
PLAIN, TUNED, BY_ROWS, BY_FILES = WAYS


def _verifying(made: Filled, rounds: int) -> dict[str, float]:
    """Medians in seconds of what is looked at after a restore, on the source: it holds the same."""
    seconds: dict[str, list[float]] = {}
    dsn = made.source.dsn()
    with session(dsn, timeout_seconds=LONGEST_SECONDS) as connection:
        looks: dict[str, Callable[[], object]] = {
            "fingerprint": lambda: take_fingerprint(connection),
            "every page": lambda: pages_of(dsn, timeout_seconds=LONGEST_SECONDS),
            "20 searches, by the index and exactly": lambda: soundness.search(connection, made.question.index),
            "a scan of the whole index": lambda: soundness.reach(connection, made.question.index),
        }
        for _ in range(rounds):
            for name, look in looks.items():
                began = time.monotonic()
                look()
                seconds.setdefault(name, []).append(time.monotonic() - began)
    return {name: median(values) for name, values in seconds.items()}


def _claims(times: Mapping[str, Timed], verifying: Mapping[str, float], rows: int) -> list[Claim]:
    plain, tuned = median(times[PLAIN].full), median(times[TUNED].full)
    shares = [
        ("By settings alone a restore takes", SETTINGS, tuned / plain),
        ("With a backup by binary COPY it takes", ROWS, median(times[BY_ROWS].full) / plain),
        ("The first correct answer, the index being built later, takes", EARLY, median(times[BY_ROWS].early) / plain),
        ("From a base backup it takes", FILES, median(times[BY_FILES].full) / plain),
    ]
    claims = [
        Claim(
            text=f"{text} at most {limit:.2f} of pg_restore as it comes",
            measured=f"{share:.3f}, {rows} vectors more",
            holds=share <= limit if rows >= FULL_ROWS else None,  # the limits are for that size
            of_time=True,
        )
        for text, limit, share in shares
    ]
    cost, print_seconds = sum(verifying.values()) / tuned, verifying["fingerprint"]
    return [
        *claims,
        Claim(
            text=f"What is looked at after a restore takes at most {VERIFYING:.0%} of the restore by settings",
            measured=f"{cost:.1%}",
            holds=cost <= VERIFYING if rows >= FULL_ROWS else None,
            of_time=True,
        ),
        Claim(
            text=f"The fingerprint of 100,000 rows takes at most {FINGERPRINT_SECONDS} s",
            measured=f"{print_seconds:.2f} s for {rows + 10_000} vectors",
            holds=print_seconds <= FINGERPRINT_SECONDS if rows >= FULL_ROWS else None,
            of_time=True,
        ),
    ]


def _table(times: Mapping[str, Timed]) -> Table:
    plain = median(times[PLAIN].full)
    rows = []
    for name, timed in times.items():
        full, early = median(timed.full), median(timed.early)
        spread = f"{min(timed.full):.2f} to {max(timed.full):.2f}"
        rows.append([name, round(early, 2), round(full, 2), spread, f"{early / plain:.3f}", f"{full / plain:.3f}"])
    columns = ("way", "first correct answer s", "in full s", "from to s", "ratio of the first answer", "ratio in full")
    return Table(title="The same content in fresh servers, medians", columns=columns, rows=rows)


def _costs(verifying: Mapping[str, float]) -> Table:
    rows = [[name, round(seconds, 3)] for name, seconds in verifying.items()]
    return Table(title="What is looked at after a restore, medians", columns=("what", "s"), rows=rows)
