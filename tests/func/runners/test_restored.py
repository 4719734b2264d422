"""Verification of a restored server: one flipped bit in an index's page is found, which no query would show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gonogo.core.deadline import Deadline
from gonogo.pg.sessions import session
from gonogo.runners.restored import pages
from gonogo.stacks.interfaces import ScratchRequest
from gonogo.stacks.local.server import LocalPostgres

if TYPE_CHECKING:
    from tests.func.conftest import Running

TABLE = """
CREATE EXTENSION vector;
CREATE TABLE notes (id bigint PRIMARY KEY, embedding vector(3));
INSERT INTO notes SELECT i, ARRAY[i, 1, 0.5]::vector FROM generate_series(1, 500) i;
CREATE INDEX notes_embedding ON notes USING hnsw (embedding vector_cosine_ops);
"""


@pytest.fixture
def server(reference_stack: Running) -> Iterator[LocalPostgres]:
    deadline = Deadline.after(60)
    with reference_stack.stack.scratch_postgres(ScratchRequest(name="pages"), deadline) as found:
        assert isinstance(found, LocalPostgres)
        with session(found.dsn()) as connection:
            connection.execute(TABLE)
        yield found


def test_every_page_of_a_good_server_is_read(server: LocalPostgres) -> None:
    observation = pages(server)
    assert observation.value == ()
    assert (observation.n or 0) > 500


def test_a_flipped_bit_in_a_page_of_a_vector_index_is_found(server: LocalPostgres) -> None:
    with session(server.dsn()) as connection:
        row = connection.execute("SELECT pg_relation_filepath('notes_embedding')").fetchone()
    assert row is not None
    server.stop(Deadline.after(30))
    with (server.data / row[0]).open("r+b") as file:
        file.seek(8192 + 4000)
        byte = file.read(1)[0]
        file.seek(8192 + 4000)
        file.write(bytes([byte ^ 1]))
    server.start(Deadline.after(30))
    assert pages(server).value == ("notes_embedding",)
