"""The SQL of the service. Each function runs inside a transaction of the reference service's database.py."""

from collections.abc import Sequence

from reference_rag.database import Connection
from reference_rag.store import Hit

from .vectors import Neighbour

_HITS = """
SELECT chunks.id, chunks.document_id, documents.title, chunks.content
FROM chunks JOIN documents ON documents.id = chunks.document_id
WHERE chunks.id = ANY(%s)
"""


async def hits_of(connection: Connection, neighbours: Sequence[Neighbour]) -> list[Hit]:
    """The passages of what the vector store found, in its order. What the database does not know is left out."""
    cursor = await connection.execute(_HITS, [[one.id for one in neighbours]])
    rows = {row[0]: row for row in await cursor.fetchall()}
    return [
        Hit(document_id=row[1], chunk_id=row[0], title=row[2], text=row[3], score=1 - one.distance)
        for one in neighbours
        if (row := rows.get(one.id))
    ]


async def take_ids(connection: Connection, count: int) -> list[int]:
    """Ids for chunks that are still to be stored; nobody else gets them."""
    cursor = await connection.execute("SELECT nextval('chunks_id_seq') FROM generate_series(1, %s)", [count])
    return [row[0] for row in await cursor.fetchall()]


async def put_document(
    connection: Connection, *, document_id: str, title: str, text: str, chunks: Sequence[tuple[int, str]]
) -> None:
    """Store a document with its chunks, by id, replacing what its id held. Old vectors are noted."""
    await connection.execute(
        "INSERT INTO documents (id, title, body) VALUES (%s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET title = excluded.title, body = excluded.body",
        [document_id, title, text],
    )
    await _note_vectors(connection, document_id)
    await connection.execute("DELETE FROM chunks WHERE document_id = %s", [document_id])
    await connection.execute(
        "INSERT INTO chunks (id, document_id, position, content) OVERRIDING SYSTEM VALUE SELECT id, %s, position - 1,"
        " content FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS new (id, content, position)",
        [document_id, [one for one, _ in chunks], [content for _, content in chunks]],
    )


async def delete_document(connection: Connection, document_id: str) -> bool:
    """Delete a document and, by the foreign key, its chunks. Whether there was one."""
    await _note_vectors(connection, document_id)
    cursor = await connection.execute("DELETE FROM documents WHERE id = %s", [document_id])
    return cursor.rowcount > 0


async def _note_vectors(connection: Connection, document_id: str) -> None:
    await connection.execute(
        "INSERT INTO vectors_to_remove (chunk_id) SELECT id FROM chunks WHERE document_id = %s ON CONFLICT DO NOTHING",
        [document_id],
    )


async def unwanted_vectors(connection: Connection) -> list[int]:
    """The vectors that a committed change left behind."""
    cursor = await connection.execute("SELECT chunk_id FROM vectors_to_remove ORDER BY chunk_id LIMIT 10000")
    return [row[0] for row in await cursor.fetchall()]


async def forget_vectors(connection: Connection, ids: Sequence[int]) -> None:
    """They are removed from the vector store."""
    await connection.execute("DELETE FROM vectors_to_remove WHERE chunk_id = ANY(%s)", [list(ids)])


async def chunks_without(connection: Connection, known: Sequence[int]) -> list[tuple[int, str, str, str]]:
    """(id, document, title, content) of the chunks whose vectors are not among the known ones."""
    cursor = await connection.execute(
        "SELECT chunks.id, chunks.document_id, documents.title, chunks.content"
        " FROM chunks JOIN documents ON documents.id = chunks.document_id WHERE NOT chunks.id = ANY(%s)",
        [list(known)],
    )
    return [(row[0], row[1], row[2], row[3]) for row in await cursor.fetchall()]


async def chunk_ids(connection: Connection) -> set[int]:
    """Every chunk."""
    cursor = await connection.execute("SELECT id FROM chunks")
    return {row[0] for row in await cursor.fetchall()}


async def add_turn(connection: Connection, session: str, question: str, answer: str) -> int:
    """Store a question with its answer and return how many questions the session has now."""
    await connection.execute(
        "INSERT INTO messages (session, role, content) VALUES (%s, 'user', %s), (%s, 'assistant', %s)",
        [session, question, session, answer],
    )
    cursor = await connection.execute("SELECT count(*) FROM messages WHERE session = %s AND role = 'user'", [session])
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
