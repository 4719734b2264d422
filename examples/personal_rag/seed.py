"""Loads a corpus of passages and filler into both stores. Loading again changes nothing."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg

from reference_rag.logs import event
from reference_rag.seed import Row, corpus_rows, filler_rows

from .settings import PersonalSettings
from .vectors import Passage, VectorStore, make_store

_TIMEOUT_SECONDS: Final = 60.0


def seed_stores(url: str, settings: PersonalSettings, *, corpus: Path | None, filler: int) -> None:
    """Load `corpus`/passages.jsonl, if given, and `filler` chunks, as the owner of the tables.

    The passages of all tenants belong to one person here. Raises ModelUnavailable.
    """
    started = time.monotonic()
    rows = [row for _, row in [*(corpus_rows(corpus, settings) if corpus else ()), *filler_rows(filler)]]
    with psycopg.connect(url) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("SET idle_in_transaction_session_timeout = 0")  # while Chroma stores
        known = {row[0] for row in connection.execute("SELECT id FROM documents")}
        fresh = [one for one in rows if one.id not in known]
        stored = _stored(connection, fresh)
        asyncio.run(_add(settings, stored))  # before the commit: see rag.py
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE documents, chunks")
    event("seeded", documents=len(fresh), seconds=round(time.monotonic() - started, 1))


def _stored(connection: psycopg.Connection[tuple[object, ...]], rows: Sequence[Row]) -> list[Passage]:
    """Store the documents with their chunks, in two statements; the chunks with the ids that they got."""
    connection.execute(
        "INSERT INTO documents (id, title, body) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])",
        [[one.id for one in rows], [one.title for one in rows], [one.body for one in rows]],
    )
    chunks = [
        (one.id, position, content, vector) for one in rows for position, (content, vector) in enumerate(one.chunks)
    ]
    cursor = connection.execute(
        "INSERT INTO chunks (document_id, position, content)"
        " SELECT * FROM unnest(%s::text[], %s::integer[], %s::text[]) RETURNING id, document_id, position",
        [[one[0] for one in chunks], [one[1] for one in chunks], [one[2] for one in chunks]],
    )
    ids = {(row[1], row[2]): int(str(row[0])) for row in cursor.fetchall()}
    return [
        Passage(id=ids[document, position], document_id=document, text=content, vector=vector)
        for document, position, content, vector in chunks
    ]


async def _add(settings: PersonalSettings, stored: Sequence[Passage]) -> None:
    store: VectorStore = make_store(
        settings.chroma_url, settings.chroma_collection, settings.chroma_token.get_secret_value(), _TIMEOUT_SECONDS
    )
    try:
        await store.add(stored)
        await store.ids()  # also an empty one: the collection is there from now on
    finally:
        await store.close()
