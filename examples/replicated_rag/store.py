"""Storing a document without throwing its passages away: what stays keeps its id and gets a new text and vector."""

from collections.abc import Sequence

from reference_rag.database import Connection
from reference_rag.embeddings import vector_literal
from reference_rag.store import Chunk

_PUT_DOCUMENT = """
INSERT INTO documents (tenant_id, id, title, body) VALUES (%s, %s, %s, %s)
ON CONFLICT (tenant_id, id) DO UPDATE SET title = excluded.title, body = excluded.body
"""
_UPDATE = "UPDATE chunks SET content = %s, embedding = %s::vector WHERE id = %s"
_INSERT = """
INSERT INTO chunks (tenant_id, document_id, position, content, embedding) VALUES (%s, %s, %s, %s, %s::vector)
"""


async def put_document(
    connection: Connection, *, tenant: str, document_id: str, title: str, text: str, chunks: Sequence[Chunk]
) -> None:
    """Store a document with its passages, all or nothing. Locks the document, so that two writers take turns."""
    await connection.execute(_PUT_DOCUMENT, [tenant, document_id, title, text])
    cursor = await connection.execute(
        "SELECT id FROM chunks WHERE tenant_id = %s AND document_id = %s ORDER BY position", [tenant, document_id]
    )
    known = [row[0] for row in await cursor.fetchall()]
    async with connection.cursor() as cursor:
        kept = list(zip(known, chunks, strict=False))
        await cursor.executemany(_UPDATE, [(one.content, vector_literal(one.embedding), key) for key, one in kept])
        new = [
            (tenant, document_id, position, one.content, vector_literal(one.embedding))
            for position, one in enumerate(chunks[len(kept) :], start=len(kept))
        ]
        await cursor.executemany(_INSERT, new)
    await connection.execute("DELETE FROM chunks WHERE id = ANY (%s)", [known[len(chunks) :]])
