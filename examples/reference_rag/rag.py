"""What the service does: ingest, search, chat. No HTTP here and no SQL."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from . import store
from .cache import TenantCache
from .chunking import chunks_of
from .database import Connection, Database, Result
from .embeddings import Embedder, Vector
from .errors import NotFound
from .llm import ChatModel, Message
from .metrics import Metrics

CONTEXT_PASSAGES = 5
HISTORY_MESSAGES = 10
_INSTRUCTIONS = (
    "Answer the question from the numbered passages only, and say so when they do not hold the answer. Passages:\n\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A chat turn: the answer, the passages it rests on, and how many questions the session has had."""

    text: str
    sources: list[store.Hit]
    turns: int


class Rag:
    """Ingest, search and chat for one tenant at a time."""

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        model: ChatModel,
        cache: TenantCache[list[store.Hit]],
        metrics: Metrics,
    ) -> None:
        self.database = database
        self.embedder = embedder
        self.model = model
        self.cache = cache
        self.metrics = metrics

    async def ingest(self, tenant: str, document_id: str, title: str, text: str) -> int:
        """Store a document, all or nothing, and return its number of chunks. The same id again replaces it."""
        contents = chunks_of(text)
        vectors = await self._embed([f"{title}\n{content}" for content in contents])
        chunks = [store.Chunk(content=c, embedding=v) for c, v in zip(contents, vectors, strict=True)]
        await self.change(
            tenant,
            lambda connection: self._put_document(
                connection, tenant=tenant, document_id=document_id, title=title, text=text, chunks=chunks
            ),
        )
        self.metrics.documents.inc()
        return len(chunks)

    async def get(self, tenant: str, document_id: str) -> store.Document:
        """The document. Raises NotFound."""
        document = await self.database.read(tenant, lambda connection: store.get_document(connection, document_id))
        if document is None:
            raise NotFound
        return document

    async def delete(self, tenant: str, document_id: str) -> None:
        """Delete the document with its chunks. Raises NotFound."""
        if not await self.change(tenant, lambda connection: store.delete_document(connection, document_id)):
            raise NotFound

    async def change(self, tenant: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run `work` in a transaction and drop the tenant's answers from the cache.

        After an error, too: the commit may have happened.
        """
        try:
            return await self.database.write(tenant, work)
        finally:
            self.cache.invalidate(tenant)

    async def search(self, tenant: str, query: str, k: int) -> list[store.Hit]:
        """The `k` passages nearest to the query, best first."""
        if not self.cache.enabled:
            return await self._search_database(tenant, query, k)
        key = f"{k}:{query}"
        if (known := self.cache.get(tenant, key)) is not None:
            self.metrics.cache_hits.inc()
            return known
        self.metrics.cache_misses.inc()
        generation = self.cache.generation(tenant)
        hits = await self._search_database(tenant, query, k)
        self.cache.put(tenant, key, hits, generation)
        return hits

    async def chat(self, tenant: str, session: str, message: str) -> Answer:
        """Answer a message from the tenant's passages. When the model fails, the session is left as it was."""
        sources = await self.search(tenant, message, CONTEXT_PASSAGES)
        history = await self.database.read(tenant, lambda connection: self._last_turns(connection, session))
        # No connection is held while the model thinks.
        text = await self.model.complete(prompt(sources, history, message))
        turns = await self.database.write(
            tenant, lambda connection: self._add_turn(connection, tenant, session, message, text)
        )
        self.metrics.chats.inc()
        return Answer(text=text, sources=sources, turns=turns)

    async def _search_database(self, tenant: str, query: str, k: int) -> list[store.Hit]:
        [vector] = await self._embed([query])
        hits = await self._nearest(tenant, vector, k)
        if hits:
            self.metrics.top_score.observe(hits[0].score)
        return hits

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        started = time.monotonic()
        vectors = await self.embedder.embed(texts)
        self.metrics.embedding_seconds.observe(time.monotonic() - started)
        return vectors

    # What a service with other tables overrides:

    async def _nearest(self, tenant: str, vector: Vector, k: int) -> list[store.Hit]:
        return await self.database.read(tenant, lambda connection: store.search(connection, vector, k))

    async def _put_document(
        self,
        connection: Connection,
        *,
        tenant: str,
        document_id: str,
        title: str,
        text: str,
        chunks: Sequence[store.Chunk],
    ) -> None:
        await store.put_document(
            connection, tenant=tenant, document_id=document_id, title=title, text=text, chunks=chunks
        )

    async def _last_turns(self, connection: Connection, session: str) -> list[store.Turn]:
        return await store.last_turns(connection, session, HISTORY_MESSAGES)

    async def _add_turn(self, connection: Connection, tenant: str, session: str, question: str, answer: str) -> int:
        return await store.add_turn(connection, tenant, session, question, answer)


def prompt(
    sources: Sequence[store.Hit], history: Sequence[store.Turn], message: str, instructions: str = _INSTRUCTIONS
) -> list[Message]:
    """What the model is asked: the passages, what was said before, the message."""
    passages = "\n\n".join(f"[{number}] {hit.title}: {hit.text}" for number, hit in enumerate(sources, start=1))
    return [
        {"role": "system", "content": instructions + passages},
        *({"role": turn.role, "content": turn.content} for turn in history),
        {"role": "user", "content": message},
    ]
