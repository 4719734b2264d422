"""The SQL of the memory. Each function runs inside a tenant transaction of the reference's database.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reference_rag.database import Connection
from reference_rag.embeddings import Vector, vector_literal
from reference_rag.store import Chunk, Hit, Turn, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A stored message; `archived_at` is None while it is remembered."""

    id: str
    conversation: str
    role: str
    content: str
    importance: float
    created_at: datetime
    archived_at: datetime | None


_MESSAGE = "SELECT id, conversation_id, role, content, importance, created_at, archived_at FROM messages "

# Archived messages have no chunks: nothing needs to be filtered out behind the vector index.
_SEARCH = """
SELECT chunks.message_id, chunks.id, messages.conversation_id, chunks.content,
       1 - (chunks.embedding <=> %(query)s::vector)
FROM chunks
JOIN messages ON messages.tenant_id = chunks.tenant_id AND messages.id = chunks.message_id
ORDER BY chunks.embedding <=> %(query)s::vector
LIMIT %(k)s
"""

_PUT_MESSAGE = """
INSERT INTO messages (tenant_id, id, conversation_id, role, content, importance)
VALUES (%(tenant)s, %(id)s, %(conversation)s, %(role)s, %(content)s, %(importance)s)
ON CONFLICT (tenant_id, id) DO UPDATE
SET conversation_id = excluded.conversation_id, role = excluded.role, content = excluded.content,
    importance = excluded.importance, created_at = now(), archived_at = NULL
"""

ARCHIVE_OLD = """
UPDATE messages SET archived_at = now()
WHERE tenant_id = %(tenant)s AND archived_at IS NULL AND created_at < now() - %(age)s AND importance < %(threshold)s
RETURNING id
"""
_DELETE_OLD = "DELETE FROM messages WHERE tenant_id = %(tenant)s AND archived_at < now() - %(age)s"
_DELETE_EMPTY = """
DELETE FROM conversations WHERE tenant_id = %(tenant)s AND created_at < now() - %(age)s AND NOT EXISTS (
    SELECT FROM messages WHERE messages.tenant_id = conversations.tenant_id AND conversation_id = conversations.id)
"""


async def put_message(
    connection: Connection,
    *,
    tenant: str,
    message_id: str,
    conversation: str,
    role: str,
    content: str,
    importance: float,
    chunks: Sequence[Chunk],
) -> None:
    """Store a message with its passages, replacing what its id held before."""
    await _open_conversation(connection, tenant, conversation)
    values = {"tenant": tenant, "id": message_id, "conversation": conversation, "role": role, "content": content}
    await connection.execute(_PUT_MESSAGE, {**values, "importance": importance})
    await _forget(connection, tenant, [message_id])
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO chunks (tenant_id, message_id, position, content, embedding)"
            " VALUES (%s, %s, %s, %s, %s::vector)",
            [
                (tenant, message_id, position, chunk.content, vector_literal(chunk.embedding))
                for position, chunk in enumerate(chunks)
            ],
        )


async def search(connection: Connection, query: Vector, k: int) -> list[Hit]:
    """The `k` nearest passages of remembered messages, best first; a hit's title is its conversation."""
    return await nearest(connection, _SEARCH, query, k)


async def get_message(connection: Connection, message_id: str) -> Message | None:
    """The message with this id, archived or not."""
    cursor = await connection.execute(_MESSAGE + "WHERE id = %s", [message_id])
    row = await cursor.fetchone()
    return _message(row) if row else None


async def messages_of(connection: Connection, conversation: str, limit: int) -> list[Message]:
    """The newest `limit` messages of a conversation, oldest first."""
    cursor = await connection.execute(
        _MESSAGE + "WHERE conversation_id = %s ORDER BY position DESC LIMIT %s", [conversation, limit]
    )
    return [_message(row) for row in reversed(await cursor.fetchall())]


async def last_turns(connection: Connection, conversation: str, limit: int) -> list[Turn]:
    """The newest `limit` remembered messages of a conversation, oldest first."""
    found = await messages_of(connection, conversation, limit)
    return [Turn(role=one.role, content=one.content) for one in found if one.archived_at is None]


async def add_turn(connection: Connection, tenant: str, conversation: str, question: str, answer: str) -> int:
    """Store a question with its answer, without passages, and return how many questions the conversation has now."""
    await _open_conversation(connection, tenant, conversation)
    await connection.execute(
        "INSERT INTO messages (tenant_id, id, conversation_id, role, content, importance)"
        " VALUES (%(tenant)s, gen_random_uuid(), %(conversation)s, 'user', %(question)s, 0),"
        " (%(tenant)s, gen_random_uuid(), %(conversation)s, 'assistant', %(answer)s, 0)",
        {"tenant": tenant, "conversation": conversation, "question": question, "answer": answer},
    )
    cursor = await connection.execute(
        "SELECT count(*) FROM messages WHERE conversation_id = %s AND role = 'user'", [conversation]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def delete_message(connection: Connection, message_id: str) -> bool:
    """Delete a message and, by the foreign key, its passages. Whether there was one."""
    cursor = await connection.execute("DELETE FROM messages WHERE id = %s", [message_id])
    return cursor.rowcount > 0


async def archive_message(connection: Connection, tenant: str, message_id: str) -> bool:
    """Keep a message and forget its passages. Whether there was one; archiving again changes nothing."""
    cursor = await connection.execute(
        "UPDATE messages SET archived_at = coalesce(archived_at, now()) WHERE id = %s", [message_id]
    )
    await _forget(connection, tenant, [message_id])
    return cursor.rowcount > 0


async def archive_old(connection: Connection, tenant: str, age: timedelta, threshold: float) -> int:
    """Archive the messages that are older than `age` and less important than `threshold`; how many there were."""
    cursor = await connection.execute(ARCHIVE_OLD, {"tenant": tenant, "age": age, "threshold": threshold})
    archived = [str(row[0]) for row in await cursor.fetchall()]
    await _forget(connection, tenant, archived)
    return len(archived)


async def delete_old(connection: Connection, tenant: str, age: timedelta) -> int:
    """Delete what was archived longer ago than `age`, and old conversations without messages; how many messages."""
    cursor = await connection.execute(_DELETE_OLD, {"tenant": tenant, "age": age})
    deleted = cursor.rowcount
    await connection.execute(_DELETE_EMPTY, {"tenant": tenant, "age": age})
    return deleted


async def note_run(connection: Connection, started_at: datetime, archived: int, deleted: int) -> datetime:
    """Record a finished run of the retention job; the instant at which it ended."""
    cursor = await connection.execute(
        "INSERT INTO retention_runs (started_at, finished_at, archived, deleted)"
        " VALUES (%s, clock_timestamp(), %s, %s) RETURNING finished_at",
        [started_at, archived, deleted],
    )
    row = await cursor.fetchone()
    assert row is not None  # an INSERT that returns gives one row
    finished_at: datetime = row[0]
    return finished_at


async def _open_conversation(connection: Connection, tenant: str, conversation: str) -> None:
    await connection.execute(
        "INSERT INTO conversations (tenant_id, id) VALUES (%s, %s) ON CONFLICT DO NOTHING", [tenant, conversation]
    )


async def _forget(connection: Connection, tenant: str, message_ids: Sequence[str]) -> None:
    """Remove the passages of messages, so that they are not found any more."""
    await connection.execute(
        "DELETE FROM chunks WHERE tenant_id = %s AND message_id = ANY (%s)", [tenant, list(message_ids)]
    )


def _message(row: Sequence[Any]) -> Message:
    identity, conversation, role, content, importance, created_at, archived_at = row
    return Message(
        id=identity, conversation=conversation, role=role, content=content, importance=importance,
        created_at=created_at, archived_at=archived_at,
    )  # fmt: skip
