"""What a database shows of its own soundness, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from gonogo.core.deadline import Deadline
from gonogo.pg import soundness
from gonogo.pg.sessions import Connection, session
from gonogo.pg.soundness import VectorIndex
from gonogo.stacks.interfaces import PostgresServer, ScratchRequest

if TYPE_CHECKING:
    from tests.func.conftest import Running

ROWS = 3000
FILL = f"""
DROP EXTENSION IF EXISTS vector CASCADE; DROP TABLE IF EXISTS notes; CREATE EXTENSION vector;
CREATE TABLE notes (id int PRIMARY KEY, dense vector(8), half halfvec(8), sparse sparsevec(8));
SELECT setseed(0.5);
INSERT INTO notes SELECT id, v, v, v::vector::sparsevec FROM (
  SELECT id, ARRAY(SELECT random() - 0.5 FROM generate_series(1, 8) WHERE id > 0) AS v
  FROM generate_series(1, {ROWS}) id
) AS made;
INSERT INTO notes VALUES (0, NULL, NULL, NULL);
"""  # one row is without vectors
COLUMNS = [
    ("dense", "vector_cosine_ops"), ("dense", "vector_l2_ops"), ("dense", "vector_ip_ops"), ("dense", "vector_l1_ops"),
    ("half", "halfvec_cosine_ops"), ("sparse", "sparsevec_l2_ops"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(reference_stack: Running) -> Iterator[PostgresServer]:
    with reference_stack.stack.scratch_postgres(ScratchRequest(name="soundness"), Deadline.after(60)) as found:
        yield found


@pytest.fixture
def connection(server: PostgresServer) -> Iterator[Connection]:
    with session(server.dsn()) as found:
        found.execute(FILL)
        yield found


def the_index(connection: Connection, column: str, operators: str, method: str = "hnsw") -> VectorIndex:
    connection.execute(f"CREATE INDEX ON notes USING {method} ({column} {operators}); ANALYZE notes")
    (index,) = soundness.vector_indexes(connection)
    return index


@pytest.mark.parametrize(("column", "operators"), COLUMNS)
def test_one_scan_for_all_queries_finds_what_a_scan_for_each_finds(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, column: str, operators: str
) -> None:
    index = the_index(connection, column, operators)
    together = soundness.search(connection, index)
    monkeypatch.setattr(soundness, "MOST_IN_ONE_SCAN", -1)
    assert together == soundness.search(connection, index)
    assert together is not None
    assert together.used
    assert len(together.recalls) == soundness.QUERIES
    assert sum(together.recalls) > 0.95 * soundness.QUERIES


def test_an_index_that_lost_most_of_its_rows_finds_little(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = the_index(connection, "dense", "vector_l2_ops")
    connection.execute("SET allow_system_table_mods = on")
    connection.execute("UPDATE pg_index SET indisready = false WHERE indexrelid = 'notes_dense_idx'::regclass")
    connection.execute("INSERT INTO notes SELECT id + 10000, dense FROM notes WHERE id > 0")  # unnoticed by the index
    connection.execute("DELETE FROM notes WHERE id BETWEEN 1 AND 2900")
    connection.execute("UPDATE pg_index SET indisready = true WHERE indexrelid = 'notes_dense_idx'::regclass")
    found = soundness.search(connection, index)
    assert found is not None
    assert max(found.recalls) < 0.9
    monkeypatch.setattr(soundness, "MOST_IN_ONE_SCAN", -1)
    assert found == soundness.search(connection, index)
    assert soundness.reach(connection, index) == (100, ROWS + 100)


def test_a_scan_of_the_whole_index_comes_to_every_row_that_has_a_distance(connection: Connection) -> None:
    connection.execute("UPDATE notes SET dense = '[0,0,0,0,0,0,0,0]' WHERE id < 8")  # a zero vector has no cosine
    assert soundness.reach(connection, the_index(connection, "dense", "vector_cosine_ops")) == (ROWS - 7, ROWS - 7)


def test_without_vectors_there_is_nothing_to_search(connection: Connection) -> None:
    index = the_index(connection, "dense", "vector_l2_ops", method="ivfflat")
    connection.execute("DELETE FROM notes WHERE id > 0")
    assert soundness.search(connection, index) is None
    assert soundness.reach(connection, index) is None


def test_of_two_indexes_of_one_column_each_is_searched_alone(connection: Connection) -> None:
    connection.execute('CREATE INDEX "by.lists" ON notes USING ivfflat (dense vector_l2_ops) WITH (lists = 10)')
    connection.execute("CREATE INDEX by_graph ON notes USING hnsw (dense vector_l2_ops)")
    connection.execute("CREATE INDEX ON notes (dense) WHERE dense IS NOT NULL; ANALYZE notes")
    indexes = soundness.vector_indexes(connection)
    assert {one.name for one in indexes} == {'"by.lists"', "by_graph"}
    for index in indexes:
        with soundness.alone(connection, index):
            found = soundness.search(connection, index)
            assert soundness.reach(connection, index) == (ROWS, ROWS)
        assert found is not None
        assert found.used
        assert connection.execute("SHOW enable_seqscan").fetchone() == ("on",)
    assert soundness.vector_indexes(connection) == indexes


@pytest.mark.parametrize("error", [errors.QueryCanceled, errors.UndefinedFunction, errors.OutOfMemory])
def test_what_says_nothing_of_the_data_is_no_finding(error: type[errors.DatabaseError]) -> None:
    with pytest.raises(error):
        soundness._insist_on_the_data(error())


@pytest.mark.parametrize("error", [errors.DataCorrupted, errors.IndexCorrupted, errors.InternalError_])
def test_what_is_corrupted_is_one(error: type[errors.DatabaseError]) -> None:
    soundness._insist_on_the_data(error())
