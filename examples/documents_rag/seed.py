"""Loads the reference corpus and filler vectors. Loading again changes nothing.

Vectors are made in this process by the very function that the embedding service uses.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from reference_rag.logs import event
from reference_rag.seed import Row, binary_vector, corpus_rows, filler_rows

from .settings import Settings

_INDEX = "chunks_embedding_idx"


def seed_database(url: str, settings: Settings, *, corpus: Path | None, filler: int) -> None:
    """Load `corpus`/passages.jsonl, if given, and `filler` chunks, as the owner of the tables."""
    started = time.monotonic()
    rows = [row for _, row in [*(corpus_rows(corpus, settings) if corpus else ()), *filler_rows(filler)]]
    with psycopg.connect(url) as connection:
        connection.execute("SET statement_timeout = 0")
        known = {row[0] for row in connection.execute("SELECT id FROM documents")}
        missing = [row for row in rows if row.id not in known]
        with _without_vector_index(connection):
            _copy(connection, missing)
    with psycopg.connect(url, autocommit=True) as connection:
        # Without statistics the planner knows nothing about the sizes of tables and picks wrong plans.
        connection.execute("ANALYZE documents, chunks")
    event("seeded", documents=len(missing), seconds=round(time.monotonic() - started, 1))


@contextmanager
def _without_vector_index(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Built over rows that are there, the graph takes a fraction of the time that it takes row by row."""
    row = connection.execute("SELECT pg_get_indexdef(%s::regclass)", [_INDEX]).fetchone()
    assert row is not None
    connection.execute(f"DROP INDEX {_INDEX}".encode())
    yield
    connection.execute("SET maintenance_work_mem = '128MB'")
    connection.execute("SET max_parallel_maintenance_workers = 0")  # containers have little shared memory
    connection.execute(str(row[0]).encode())


def _copy(connection: psycopg.Connection[tuple[object, ...]], rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY documents (id, title, body) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((row.id, row.title, row.body))
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY chunks (document_id, position, content, embedding) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["text", "int4", "text", "bytea"])  # bytea goes through as it is
        for row in rows:
            for position, (content, vector) in enumerate(row.chunks):
                copy.write_row((row.id, position, content, binary_vector(vector)))
