"""What the memory does: remember and archive; searches and chats are the reference's. No HTTP here and no SQL."""

import re

from reference_rag.chunking import chunks_of
from reference_rag.database import Connection
from reference_rag.embeddings import Vector
from reference_rag.errors import NotFound
from reference_rag.rag import HISTORY_MESSAGES, Rag
from reference_rag.store import Chunk, Hit, Turn

from . import store

_TELLING = re.compile(r"\d|[A-ZÀ-Þ]\w+ [A-ZÀ-Þ]\w+|(?i:\b(?:remember|always|never|prefers?|must|my name)\b)")


def importance_of(content: str) -> float:
    """How much a message is worth keeping, from 0 to 1: long ones, and those with figures, names or wishes.

    >>> importance_of("see you there again"), importance_of("Remember that the ferry leaves at 7.")
    (0.2, 0.5)
    """
    found = len(_TELLING.findall(content))
    return round(min(1.0, 0.2 + 0.15 * min(found, 4) + 0.2 * min(len(content) / 1000, 1)), 1)


class Memory(Rag):
    """The messages of one tenant at a time."""

    async def remember(
        self, tenant: str, message_id: str, *, conversation: str, role: str, content: str, importance: float
    ) -> int:
        """Store a message, all or nothing, and return its number of passages. The same id again replaces it."""
        contents = chunks_of(content)
        vectors = await self._embed(contents)
        chunks = [Chunk(content=c, embedding=v) for c, v in zip(contents, vectors, strict=True)]
        await self.change(
            tenant,
            lambda connection: store.put_message(
                connection, tenant=tenant, message_id=message_id, conversation=conversation, role=role,
                content=content, importance=importance, chunks=chunks,
            ),
        )  # fmt: skip
        self.metrics.documents.inc()
        return len(chunks)

    async def message(self, tenant: str, message_id: str) -> store.Message:
        """The message, archived or not. Raises NotFound."""
        found = await self.database.read(tenant, lambda connection: store.get_message(connection, message_id))
        if found is None:
            raise NotFound
        return found

    async def conversation(self, tenant: str, conversation: str) -> list[store.Message]:
        """The newest messages of a conversation. Raises NotFound when there are none."""
        found = await self.database.read(
            tenant, lambda connection: store.messages_of(connection, conversation, HISTORY_MESSAGES)
        )
        if not found:
            raise NotFound
        return found

    async def archive(self, tenant: str, message_id: str) -> None:
        """Keep the message and find it no more. Raises NotFound."""
        if not await self.change(tenant, lambda connection: store.archive_message(connection, tenant, message_id)):
            raise NotFound

    async def delete(self, tenant: str, document_id: str) -> None:
        """Delete the message with its passages. Raises NotFound."""
        if not await self.change(tenant, lambda connection: store.delete_message(connection, document_id)):
            raise NotFound

    async def _nearest(self, tenant: str, vector: Vector, k: int) -> list[Hit]:
        return await self.database.read(tenant, lambda connection: store.search(connection, vector, k))

    async def _last_turns(self, connection: Connection, session: str) -> list[Turn]:
        return await store.last_turns(connection, session, HISTORY_MESSAGES)

    async def _add_turn(self, connection: Connection, tenant: str, session: str, question: str, answer: str) -> int:
        return await store.add_turn(connection, tenant, session, question, answer)
