"""A stack with many vectors, the backups that are made of it, and a question whose answer is known."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.facts import Facts, TableFacts
from gonogo.engine.discover import discover
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.run import Observer, opened, start
from gonogo.pg.answers import Question, question_of
from gonogo.pg.sessions import session
from gonogo.rundir.directory import Recorder
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer

MIB = 2**20
DIMENSIONS = 384
SMALL_ROWS, FULL_ROWS = 5_000, 100_000
LONGEST_SECONDS = 7200.0
TABLE = "benchmark_vectors"
# Vectors around 400 centres: what embeddings look like, and what a graph takes time for. Texts of 480 characters.
FILL = f"""
CREATE TABLE {TABLE} (
    id bigint PRIMARY KEY, tenant int NOT NULL, body text NOT NULL, embedding vector({DIMENSIONS}) NOT NULL
);
SELECT setseed(0.5);
CREATE TEMPORARY TABLE centres AS
  SELECT c, ARRAY(SELECT random() FROM generate_series(1, {DIMENSIONS}) WHERE c > 0) AS v
  FROM generate_series(1, 400) c;
INSERT INTO {TABLE}
  SELECT i, i % 50, (SELECT string_agg(md5(concat(i, n)), ' ') FROM generate_series(1, 15) n),
         ARRAY(SELECT x + random() * 0.3 FROM unnest(centres.v) x WHERE i > 0)::vector
  FROM generate_series(1, %ROWS%) i JOIN centres ON c = i % 400 + 1;
CREATE INDEX ON {TABLE} USING hnsw (embedding vector_cosine_ops);
CREATE INDEX ON {TABLE} (tenant);
ANALYZE {TABLE};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A running stack with its vectors. `question` is answered by their index."""

    context: Context
    question: Question
    rows: int

    @property
    def source(self) -> PostgresServer:
        """Where they are."""
        return self.context.stack.postgres()

    def folder(self, name: str) -> Path:
        """A new folder below the stack's scratch, for everybody's programs to write to."""
        path = self.context.stack.scratch / name
        path.mkdir(mode=0o777)
        path.chmod(0o777)
        return path


@contextmanager
def filled(rows: int) -> Iterator[Filled]:
    """The reference stack with so many vectors more, stopped at the end."""
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
        with session(stack.postgres().dsn(), timeout_seconds=LONGEST_SECONDS) as connection:
            question = question_of(connection)
            assert question is not None
            question = replace(question, distances=question.exactly(connection))
        yield Filled(context=context, question=question, rows=rows)


def _add_vectors(server: PostgresServer, rows: int) -> TableFacts:
    with session(server.dsn(), timeout_seconds=LONGEST_SECONDS) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        for statement in statements(rows):
            connection.execute(statement.encode())
        size = connection.execute(
            "SELECT sum(pg_relation_size(i.indexrelid)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_am m ON m.oid = c.relam WHERE i.indrelid = %s::regclass AND m.amname = 'hnsw'",
            [TABLE],
        ).fetchone()
    assert size is not None
    return TableFacts(name=TABLE, rows=rows, size_bytes=0, vector="embedding", vector_index_bytes=int(size[0]))


def statements(rows: int) -> Sequence[str]:
    """What fills the table, one statement each."""
    return [one for one in FILL.replace("%ROWS%", str(rows)).split(";\n") if one.strip()]


def _with(facts: Facts, table: TableFacts) -> Facts:
    return replace(facts, tables={**facts.tables, TABLE: table})
