"""Loads a corpus of passages, and filler that makes the vector index worth using. Loading again changes nothing."""

import asyncio
import json
import os
import struct
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, LiteralString

import httpx
import numpy as np
import psycopg
from numpy.typing import NDArray

from .chunking import chunks_of
from .embeddings import DIMENSIONS, Vector, make_embedder
from .logs import event
from .settings import Settings

_CLUSTERS: Final = 100
_LATENT_DIMENSIONS: Final = 24
_NEAREST_TO_TEXT: Final = 0.45
_BATCH: Final = 64
_FILLER_SHARES: Final = {"acme": 0.75, "globex": 0.25}
_WORKERS: Final = min(4, os.cpu_count() or 1)
"""Sessions that load side by side: most of the time goes into the vector index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A document and its chunks, ready to be stored."""

    id: str
    title: str
    body: str
    chunks: Sequence[tuple[str, Vector]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where rows go: `inserts` take those of `%(tenant)s` from the temporary tables new_documents and new_chunks."""

    known: LiteralString
    inserts: tuple[LiteralString, ...]
    tables: LiteralString


DOCUMENTS: Final = Target(
    known="SELECT id FROM documents",
    inserts=(
        "INSERT INTO documents (tenant_id, id, title, body) SELECT %(tenant)s, id, title, body FROM new_documents",
        """
        INSERT INTO chunks (tenant_id, document_id, position, content, embedding)
        SELECT %(tenant)s, document_id, position, content, embedding FROM new_chunks
        """,
    ),
    tables="documents, chunks",
)


def seed_database(
    url: str, settings: Settings, *, corpus: Path | None, filler: int, target: Target = DOCUMENTS
) -> None:
    """Load `corpus`/passages.jsonl, if given, and `filler` chunks, as the owner of the tables.

    Passages are embedded as the service embeds them. Raises ModelUnavailable.
    """
    started = time.monotonic()
    by_tenant: dict[str, list[Row]] = {}
    for tenant, row in [*(corpus_rows(corpus, settings) if corpus else ()), *filler_rows(filler)]:
        by_tenant.setdefault(tenant, []).append(row)
    parts = [
        (tenant, rows[offset::_WORKERS]) for tenant, rows in sorted(by_tenant.items()) for offset in range(_WORKERS)
    ]
    with ThreadPoolExecutor(_WORKERS) as executor:
        stored = sum(executor.map(lambda part: _load(url, part[0], part[1], target), parts))
    with psycopg.connect(url, autocommit=True) as connection:
        # Without statistics the planner knows nothing about the tenants' sizes and picks wrong plans.
        connection.execute(f"ANALYZE {target.tables}")
    event("seeded", documents=stored, seconds=round(time.monotonic() - started, 1))


def corpus_rows(folder: Path, settings: Settings) -> Iterator[tuple[str, Row]]:
    """The passages of a corpus by tenant, embedded. Raises ModelUnavailable."""
    with (folder / "passages.jsonl").open(encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    contents = [chunks_of(item["text"]) for item in items]
    titled = [f"{item['title']}\n{content}" for item, chunks in zip(items, contents, strict=True) for content in chunks]
    vectors = iter(asyncio.run(_embedded(titled, settings)))
    for item, chunks in zip(items, contents, strict=True):
        embedded = [(content, next(vectors)) for content in chunks]
        yield item["tenant"], Row(id=item["id"], title=item["title"], body=item["text"], chunks=embedded)


async def _embedded(texts: Sequence[str], settings: Settings) -> list[Vector]:
    headers = {"Authorization": f"Bearer {settings.openai_api_key.get_secret_value()}"}
    async with httpx.AsyncClient(timeout=settings.llm_timeout, headers=headers, trust_env=False) as client:
        embedder = make_embedder(settings, client)
        batches = [texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH)]
        return [vector for batch in batches for vector in await embedder.embed(batch)]


def filler_vectors(count: int) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Tenants and clustered unit vectors, the same in every run: uniform vectors would make any index look bad."""
    random = np.random.default_rng(20_240_117)
    centres = random.normal(size=(_CLUSTERS, _LATENT_DIMENSIONS))
    projection = random.normal(size=(_LATENT_DIMENSIONS, DIMENSIONS - 1))
    latent = centres[random.integers(_CLUSTERS, size=count)] + 0.6 * random.normal(size=(count, _LATENT_DIMENSIONS))
    vectors = latent @ projection
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # The last dimension tells texts from filler (see embeddings.py). Filler has less of it than a text, or it would sit
    # among the answers to real questions; but it has all degrees of it, and so an index finds a slope up to the texts.
    common = random.uniform(0, _NEAREST_TO_TEXT, size=(count, 1))
    tenants = random.choice(list(_FILLER_SHARES), size=count, p=list(_FILLER_SHARES.values()))
    return tenants, np.hstack([np.sqrt(1 - common**2) * vectors, common])


def filler_rows(count: int) -> Iterator[tuple[str, Row]]:
    """Documents without meaning by tenant, one chunk each."""
    tenants, vectors = filler_vectors(count)
    for number, (tenant, vector) in enumerate(zip(tenants.tolist(), vectors.tolist(), strict=True)):
        text = f"Filler {number:06d}. This passage holds no knowledge; it only makes the index as large as a real one."
        yield tenant, Row(id=f"filler/{number:06d}", title=f"Filler {number}", body=text, chunks=[(text, vector)])


def _load(url: str, tenant: str, rows: Sequence[Row], target: Target) -> int:
    """Store the documents that are not there yet, in one transaction, and return their number.

    COPY cannot write into tables with row security: it fills temporary tables, and an INSERT takes the rows from there.
    """
    with psycopg.connect(url) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("SELECT set_config('app.tenant', %s, true)", [tenant])
        known = {row[0] for row in connection.execute(target.known)}
        missing = [row for row in rows if row.id not in known]
        if not missing:
            return 0
        connection.execute("CREATE TEMP TABLE new_documents (id text, title text, body text) ON COMMIT DROP")
        connection.execute(
            "CREATE TEMP TABLE new_chunks (document_id text, position integer, content text, embedding vector)"
            " ON COMMIT DROP"
        )
        copy_rows(connection, missing, "new_documents", "new_chunks")
        for statement in target.inserts:
            connection.execute(statement, {"tenant": tenant})
    return len(missing)


def _binary(vector: Vector) -> bytes:
    """A vector in pgvector's binary form: its length, a reserved number, and the values, all big-endian."""
    return len(vector).to_bytes(2, "big") + b"\x00\x00" + struct.pack(f">{len(vector)}f", *vector)


def copy_rows(
    connection: psycopg.Connection[tuple[object, ...]],
    rows: Sequence[Row],
    documents: LiteralString,
    chunks: LiteralString,
) -> None:
    """Write rows into two tables."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {documents} (id, title, body) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        for row in rows:
            copy.write_row((row.id, row.title, row.body))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {chunks} (document_id, position, content, embedding) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["text", "int4", "text", "bytea"])  # bytea goes through as it is
        for row in rows:
            for position, (content, vector) in enumerate(row.chunks):
                copy.write_row((row.id, position, content, _binary(vector)))
