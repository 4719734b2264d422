"""The SQL of the service. Each function runs inside a tenant transaction of database.py; row security does the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from .database import Connection
from .embeddings import Vector, vector_literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A stored document."""

    id: str
    title: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage and its vector."""

    content: str
    embedding: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that was found; the score is the cosine similarity."""

    document_id: str
    chunk_id: int
    title: str
    text: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a session."""

    role: str
    content: str


_SEARCH = """
SELECT chunks.document_id, chunks.id, documents.title, chunks.content, 1 - (chunks.embedding <=> %(query)s::vector)
FROM chunks
JOIN documents ON documents.tenant_id = chunks.tenant_id AND documents.id = chunks.document_id
ORDER BY chunks.embedding <=> %(query)s::vector
LIMIT %(k)s
"""


async def search(connection: Connection, query: Vector, k: int) -> list[Hit]:
    """The `k` nearest passages, best first."""
    return await nearest(connection, _SEARCH, query, k)


async def nearest(connection: Connection, statement: LiteralString, query: Vector, k: int) -> list[Hit]:
    """What a statement finds that takes `query` and `k`, and gives document, chunk, title, text and score."""
    cursor = await connection.execute(statement, {"query": vector_literal(query), "k": k})
    hits = [
        Hit(document_id=row[0], chunk_id=row[1], title=row[2], text=row[3], score=row[4])
        for row in await cursor.fetchall()
    ]
    # An iterative index scan in relaxed order may return neighbours slightly out of order.
    return sorted(hits, key=lambda hit: -hit.score)


async def put_document(
    connection: Connection, *, tenant: str, document_id: str, title: str, text: str, chunks: Sequence[Chunk]
) -> None:
    """Store a document with its chunks, replacing what its id held before."""
    await connection.execute(
        "INSERT INTO documents (tenant_id, id, title, body) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, id) DO UPDATE SET title = excluded.title, body = excluded.body",
        [tenant, document_id, title, text],
    )
    await connection.execute("DELETE FROM chunks WHERE tenant_id = %s AND document_id = %s", [tenant, document_id])
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO chunks (tenant_id, document_id, position, content, embedding)"
            " VALUES (%s, %s, %s, %s, %s::vector)",
            [
                (tenant, document_id, position, chunk.content, vector_literal(chunk.embedding))
                for position, chunk in enumerate(chunks)
            ],
        )


async def get_document(connection: Connection, document_id: str) -> Document | None:
    """The document with this id."""
    cursor = await connection.execute("SELECT id, title, body, created_at FROM documents WHERE id = %s", [document_id])
    row = await cursor.fetchone()
    return Document(id=row[0], title=row[1], text=row[2], created_at=row[3]) if row else None


async def delete_document(connection: Connection, document_id: str) -> bool:
    """Delete a document and, by the foreign key, its chunks. Whether there was one."""
    cursor = await connection.execute("DELETE FROM documents WHERE id = %s", [document_id])
    return cursor.rowcount > 0


async def last_turns(connection: Connection, session: str, limit: int) -> list[Turn]:
    """The newest `limit` messages of a session, oldest first."""
    cursor = await connection.execute(
        "SELECT role, content FROM messages WHERE session = %s ORDER BY id DESC LIMIT %s", [session, limit]
    )
    return [Turn(role=row[0], content=row[1]) for row in reversed(await cursor.fetchall())]


async def add_turn(connection: Connection, tenant: str, session: str, question: str, answer: str) -> int:
    """Store a question with its answer and return how many questions the session has now."""
    await connection.execute(
        "INSERT INTO messages (tenant_id, session, role, content)"
        " VALUES (%s, %s, 'user', %s), (%s, %s, 'assistant', %s)",
        [tenant, session, question, tenant, session, answer],
    )
    cursor = await connection.execute("SELECT count(*) FROM messages WHERE session = %s AND role = 'user'", [session])
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
