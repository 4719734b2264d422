"""Loads the reference corpus and filler vectors. Loading again changes nothing.

Vectors are made in this process by the very function that the embedding service uses.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from reference_rag.logs import event
from reference_rag.seed import copy_rows, corpus_rows, filler_rows

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
            copy_rows(connection, missing, "documents", "chunks")
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
