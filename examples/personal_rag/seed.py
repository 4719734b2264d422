"""Loads a corpus of passages and filler into both stores. Loading again changes nothing."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from reference_rag.chunking import chunks_of
from reference_rag.embeddings import Vector, hash_embedding
from reference_rag.logs import event
from reference_rag.seed import filler_vectors

from .settings import PersonalSettings
from .vectors import Passage, VectorStore, make_store

_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document and its chunks, ready to be stored."""

    id: str
    title: str
    body: str
    chunks: Sequence[tuple[str, Vector]]


def seed_stores(url: str, settings: PersonalSettings, *, corpus: Path | None, filler: int) -> None:
    """Load `corpus`/passages.jsonl, if given, and `filler` chunks, as the owner of the tables."""
    started = time.monotonic()
    sources = [*(_corpus(corpus) if corpus else ()), *_filler(filler)]
    with psycopg.connect(url) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("SET idle_in_transaction_session_timeout = 0")  # while Chroma stores
        known = {row[0] for row in connection.execute("SELECT id FROM documents")}
        fresh = [one for one in sources if one.id not in known]
        stored = _stored(connection, fresh)
        asyncio.run(_add(settings, stored))  # before the commit: see rag.py
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE documents, chunks")
    event("seeded", documents=len(fresh), seconds=round(time.monotonic() - started, 1))


def _corpus(folder: Path) -> list[Source]:
    """Passages of whomever they were: here they all belong to one person."""
    with (folder / "passages.jsonl").open(encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    return [
        Source(
            id=item["id"], title=item["title"], body=item["text"],
            chunks=[(chunk, hash_embedding(f"{item['title']}\n{chunk}")) for chunk in chunks_of(item["text"])],
        )
        for item in items
    ]  # fmt: skip


def _filler(count: int) -> list[Source]:
    _, vectors = filler_vectors(count)
    found = []
    for number, vector in enumerate(vectors.tolist()):
        text = f"Filler {number:06d}. This passage holds no knowledge; it only makes the index as large as a real one."
        found.append(Source(id=f"filler/{number:06d}", title=f"Filler {number}", body=text, chunks=[(text, vector)]))
    return found


def _stored(connection: psycopg.Connection[tuple[object, ...]], sources: Sequence[Source]) -> list[Passage]:
    """Store the documents with their chunks, in two statements; the chunks with the ids that they got."""
    connection.execute(
        "INSERT INTO documents (id, title, body) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])",
        [[one.id for one in sources], [one.title for one in sources], [one.body for one in sources]],
    )
    chunks = [
        (one.id, position, content, vector) for one in sources for position, (content, vector) in enumerate(one.chunks)
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
