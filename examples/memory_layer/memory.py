"""What the memory does: remember, search, archive, chat. No HTTP here and no SQL."""

import re

from reference_rag import store as reference_store
from reference_rag.chunking import chunks_of
from reference_rag.errors import NotFound
from reference_rag.rag import CONTEXT_PASSAGES, HISTORY_MESSAGES, Answer, Rag, prompt

from . import store

_TELLING = re.compile(r"\d|[A-ZÀ-Þ]\w+ [A-ZÀ-Þ]\w+|\b(remember|always|never|prefers?|must|my name)\b", re.IGNORECASE)


def importance_of(content: str) -> float:
    """How much a message is worth keeping, from 0 to 1: long ones, and those with figures, names or wishes.

    >>> importance_of("ok"), importance_of("Remember that the ferry leaves at 7.")
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
        chunks = [reference_store.Chunk(content=c, embedding=v) for c, v in zip(contents, vectors, strict=True)]
        try:
            await self.database.write(
                tenant,
                lambda connection: store.put_message(
                    connection, tenant=tenant, message_id=message_id, conversation=conversation, role=role,
                    content=content, importance=importance, chunks=chunks,
                ),
            )  # fmt: skip
        finally:  # also after an error: the commit may have happened
            self.cache.invalidate(tenant)
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
        try:
            found = await self.database.write(
                tenant, lambda connection: store.archive_message(connection, tenant, message_id)
            )
        finally:
            self.cache.invalidate(tenant)
        if not found:
            raise NotFound

    async def delete(self, tenant: str, document_id: str) -> None:
        """Delete the message with its passages. Raises NotFound."""
        try:
            found = await self.database.write(tenant, lambda connection: store.delete_message(connection, document_id))
        finally:
            self.cache.invalidate(tenant)
        if not found:
            raise NotFound

    async def chat(self, tenant: str, session: str, message: str) -> Answer:
        """Answer from the tenant's memories. When the model fails, the conversation is left as it was."""
        sources = await self.search(tenant, message, CONTEXT_PASSAGES)
        history = await self.database.read(
            tenant, lambda connection: store.last_turns(connection, session, HISTORY_MESSAGES)
        )
        # No connection is held while the model thinks.
        text = await self.model.complete(prompt(sources, history, message))
        turns = await self.database.write(
            tenant, lambda connection: store.add_turn(connection, tenant, session, message, text)
        )
        self.metrics.chats.inc()
        return Answer(text=text, sources=sources, turns=turns)

    async def _search_database(self, tenant: str, query: str, k: int) -> list[reference_store.Hit]:
        [vector] = await self._embed([query])
        hits = await self.database.read(tenant, lambda connection: store.search(connection, vector, k))
        if hits:
            self.metrics.top_score.observe(hits[0].score)
        return hits
