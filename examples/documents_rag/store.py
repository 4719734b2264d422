"""The SQL of the service. Each function runs inside a transaction of reference_rag.database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reference_rag.database import Connection
from reference_rag.embeddings import Vector, vector_literal
from reference_rag.store import Chunk, Hit, Turn, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A stored document; `chunks` is how many passages it was cut into."""

    id: str
    title: str
    text: str
    metadata: dict[str, str]
    created_at: datetime
    chunks: int


_SEARCH = """
SELECT chunks.document_id, chunks.id, documents.title, chunks.content, 1 - (chunks.embedding <=> %(query)s::vector)
FROM chunks JOIN documents ON documents.id = chunks.document_id
ORDER BY chunks.embedding <=> %(query)s::vector
LIMIT %(k)s
"""
_DOCUMENTS = """
SELECT id, title, body, metadata, created_at, (SELECT count(*) FROM chunks WHERE document_id = documents.id)
FROM documents
"""


async def search(connection: Connection, query: Vector, k: int) -> list[Hit]:
    """The `k` nearest passages, best first."""
    return await nearest(connection, _SEARCH, query, k)


async def put_document(
    connection: Connection,
    *,
    document_id: str,
    title: str,
    text: str,
    metadata: dict[str, str],
    chunks: Sequence[Chunk],
) -> None:
    """Store a document with its chunks, replacing what its id held before."""
    await connection.execute(
        "INSERT INTO documents (id, title, body, metadata) VALUES (%s, %s, %s, %s::jsonb)"
        " ON CONFLICT (id) DO UPDATE SET title = excluded.title, body = excluded.body, metadata = excluded.metadata",
        [document_id, title, text, json.dumps(metadata)],
    )
    await connection.execute("DELETE FROM chunks WHERE document_id = %s", [document_id])
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO chunks (document_id, position, content, embedding) VALUES (%s, %s, %s, %s::vector)",
            [
                (document_id, position, chunk.content, vector_literal(chunk.embedding))
                for position, chunk in enumerate(chunks)
            ],
        )


async def get_document(connection: Connection, document_id: str) -> Document | None:
    """The document with this id."""
    cursor = await connection.execute(f"{_DOCUMENTS} WHERE id = %s".encode(), [document_id])
    row = await cursor.fetchone()
    return _document(row) if row else None


async def list_documents(connection: Connection, limit: int, offset: int) -> list[Document]:
    """Documents, newest first."""
    page = f"{_DOCUMENTS} ORDER BY created_at DESC, id LIMIT %s OFFSET %s".encode()
    cursor = await connection.execute(page, [limit, offset])
    return [_document(row) for row in await cursor.fetchall()]


async def delete_document(connection: Connection, document_id: str) -> bool:
    """Delete a document and, by the foreign key, its chunks. Whether there was one."""
    cursor = await connection.execute("DELETE FROM documents WHERE id = %s", [document_id])
    return cursor.rowcount > 0


async def last_turns(connection: Connection, session: str, limit: int) -> list[Turn]:
    """The newest `limit` messages of a session, oldest first."""
    cursor = await connection.execute(
        "SELECT role, content FROM messages WHERE session_id = %s ORDER BY id DESC LIMIT %s", [session, limit]
    )
    return [Turn(role=row[0], content=row[1]) for row in reversed(await cursor.fetchall())]


async def add_turn(connection: Connection, session: str, question: str, answer: str, sources: Sequence[str]) -> int:
    """Store a question with its answer and return how many questions the session has had."""
    await connection.execute("INSERT INTO sessions (id) VALUES (%s) ON CONFLICT DO NOTHING", [session])
    await connection.execute(
        "INSERT INTO messages (session_id, role, content, sources)"
        " VALUES (%s, 'user', %s, '[]'), (%s, 'assistant', %s, %s::jsonb)",
        [session, question, session, answer, json.dumps(list(sources))],
    )
    cursor = await connection.execute(
        "SELECT count(*) FROM messages WHERE session_id = %s AND role = 'user'", [session]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _document(row: Sequence[Any]) -> Document:
    return Document(id=row[0], title=row[1], text=row[2], metadata=row[3], created_at=row[4], chunks=row[5])
