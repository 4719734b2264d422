"""A restore that gives the vector index its memory, as gonogo's drill does it, against pg_restore as it comes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._result import Claim, Options, Result, Table
from gonogo.core.deadline import Deadline
from gonogo.core.facts import Facts, TableFacts
from gonogo.drills import Artefact
from gonogo.drills.pg_dump import METHOD, PgDumpParameters, maintenance_memory_bytes
from gonogo.engine.discover import discover
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.run import Observer, opened, start
from gonogo.pg.sessions import session
from gonogo.rundir.directory import Recorder
from gonogo.runners.phases import PhaseClock
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer, ScratchRequest

MIB = 2**20
DIMENSIONS = 384
SMALL_ROWS, FULL_ROWS = 5_000, 60_000  # of 384 dimensions; the server's default memory holds the graph of about 35,000
LONGEST_SECONDS = 3600.0
DUMP = """\
The dump ({size} MiB) holds the reference stack's 10,000 vectors and {rows} more of 384 dimensions, each set
with an HNSW index. gonogo chose maintenance_work_mem = {memory} MiB, pg_restore had the server's default of
64 MiB. Neither used parallel jobs."""
TABLE = "benchmark_vectors"
# Vectors around 200 centres: what embeddings look like, and what a graph takes time for.
FILL = f"""
CREATE TABLE {TABLE} (id bigint PRIMARY KEY, embedding vector({DIMENSIONS}) NOT NULL);
SELECT setseed(0.5);
CREATE TEMPORARY TABLE centres AS
  SELECT c, ARRAY(SELECT random() FROM generate_series(1, {DIMENSIONS}) WHERE c > 0) AS v
  FROM generate_series(1, 200) c;
INSERT INTO {TABLE}
  SELECT i, ARRAY(SELECT x + random() * 0.3 FROM unnest(centres.v) x WHERE i > 0)::vector
  FROM generate_series(1, %ROWS%) i JOIN centres ON c = i % 200 + 1;
CREATE INDEX ON {TABLE} USING hnsw (embedding vector_cosine_ops);
"""


def measure(options: Options) -> Result:
    """Restore the same dump with the drill's method and with plain pg_restore in turns; compare the medians."""
    pairs = options.count(small=1, full=3)
    rows = FULL_ROWS if options.full else SMALL_ROWS
    with _dumped(rows) as (context, artefact):
        memory = maintenance_memory_bytes(context.facts) // MIB
        tuned, stock = [], []
        for _ in range(pairs):
            tuned.append(_restored(context, artefact, _tuned))
            stock.append(_restored(context, artefact, _stock))
    ratio = median(stock) / median(tuned)
    return Result(
        claims=[
            Claim(
                text="Restoring as the drill does it is not slower than pg_restore as it comes",
                measured=f"{ratio:.2f} times as fast, medians of {pairs} alternating pairs, {rows} vectors more",
                holds=ratio >= 0.95,
                of_time=True,
            )
        ],
        tables=[
            Table(
                title="One dump, restored into a fresh server with all its indexes",
                columns=("pair", "drill's method s", "pg_restore s"),
                rows=[[n, round(a, 2), round(b, 2)] for n, (a, b) in enumerate(zip(tuned, stock, strict=True), 1)],
            )
        ],
        notes=[
            DUMP.format(rows=rows, size=round(artefact.size_bytes / MIB), memory=memory),
        ],
        not_measured=["pg_restore --jobs, and sizes beyond this one."],
    )


@contextmanager
def _dumped(rows: int) -> Iterator[tuple[Context, Artefact]]:
    """A stack with more vectors, and its dump."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="gonogo-bench-")))
        inputs = read_inputs(RunOptions(out=folder / "out", runtime="embedded"))
        directory, services = cleanup.enter_context(opened(inputs, Observer()))
        deadline = Deadline.after(LONGEST_SECONDS)
        stack = start(inputs, services, deadline)
        cleanup.callback(stack.close)
        more = _add_vectors(stack.postgres(), rows)
        context = Context(
            stack=stack,
            facts=_with(discover(stack), more),
            recorder=Recorder(directory, "benchmark"),
            deadline=deadline,
            run=services,
            item_path=folder,
        )
        yield context, METHOD.backup(context, PgDumpParameters(), stack.postgres(), stack.scratch)


def _add_vectors(server: PostgresServer, rows: int) -> TableFacts:
    with session(server.dsn(), timeout_seconds=LONGEST_SECONDS) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        for statement in FILL.replace("%ROWS%", str(rows)).split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
        size = connection.execute(
            "SELECT sum(pg_relation_size(indexrelid)) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisunique",
            [TABLE],
        ).fetchone()
    assert size is not None
    return TableFacts(name=TABLE, rows=rows, size_bytes=0, vector="embedding", vector_index_bytes=int(size[0]))


def _with(facts: Facts, table: TableFacts) -> Facts:
    return replace(facts, tables={**facts.tables, TABLE: table})


Restore = Callable[[Context, Artefact, PostgresServer], Any]


def _restored(context: Context, artefact: Artefact, restore: Restore) -> float:
    """Seconds of one restore into a server of its own, whose start does not count; checked."""
    with context.stack.scratch_postgres(ScratchRequest(name="benchmark"), context.deadline) as target:
        began = time.monotonic()
        restore(context, artefact, target)
        seconds = time.monotonic() - began
        with session(target.dsn()) as connection:
            valid = connection.execute(
                "SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = c.relam"
                " WHERE amname = 'hnsw' AND indisvalid"
            ).fetchone()
    assert valid == (2,), f"{valid} vector indexes came back"
    return seconds


def _tuned(context: Context, artefact: Artefact, target: PostgresServer) -> None:
    parameters, phases = PgDumpParameters(), PhaseClock("restore")
    METHOD.restore(context, parameters, artefact, target, phases)
    METHOD.finish(context, parameters, artefact, target, phases)


def _stock(context: Context, artefact: Artefact, target: PostgresServer) -> None:
    arguments = ["--exit-on-error", f"--dbname={target.database}", str(artefact.path)]
    done = target.tool("pg_restore", arguments, deadline=context.deadline)
    assert done.exit_code == 0, done.stderr
