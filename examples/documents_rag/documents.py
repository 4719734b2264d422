"""What the service does: ingest, search, chat. No HTTP here and no SQL."""

import asyncio
import time
from collections.abc import Sequence

from reference_rag.chunking import chunks_of
from reference_rag.database import Database
from reference_rag.embeddings import Embedder, Vector
from reference_rag.errors import ModelUnavailable, NotFound
from reference_rag.llm import ChatModel
from reference_rag.metrics import Metrics
from reference_rag.rag import HISTORY_MESSAGES, Answer, prompt
from reference_rag.store import Chunk, Hit, Turn

from . import store

NOBODY = ""  # all keys share the documents: no transaction belongs to a tenant
_EMBEDDING_CHECK_SECONDS = 0.4
_EMBEDDING_FRESH_SECONDS = 1.0
_INSTRUCTIONS = (
    "Answer from the numbered passages and the conversation, and say so when they do not hold the answer. Passages:\n\n"
)


class Documents:
    """Ingest, search and chat."""

    def __init__(
        self, database: Database, embedder: Embedder, model: ChatModel, metrics: Metrics, *, top_k: int
    ) -> None:
        self.database = database
        self.embedder = embedder
        self.model = model
        self.metrics = metrics
        self.top_k = top_k
        self._embedding_checked = (0.0, "unknown")

    async def ingest(self, document_id: str, title: str, text: str, metadata: dict[str, str]) -> int:
        """Store a document, all or nothing, and return its number of chunks. The same id again replaces it."""
        contents = chunks_of(text)
        vectors = await self._embed([f"{title}\n{content}" for content in contents])
        chunks = [Chunk(content=content, embedding=vector) for content, vector in zip(contents, vectors, strict=True)]
        await self.database.write(
            NOBODY,
            lambda connection: store.put_document(
                connection, document_id=document_id, title=title, text=text, metadata=metadata, chunks=chunks
            ),
        )
        self.metrics.documents.inc()
        return len(chunks)

    async def get(self, document_id: str) -> store.Document:
        """The document. Raises NotFound."""
        document = await self.database.read(NOBODY, lambda connection: store.get_document(connection, document_id))
        if document is None:
            raise NotFound
        return document

    async def page(self, limit: int, offset: int) -> list[store.Document]:
        """Documents, newest first."""
        return await self.database.read(NOBODY, lambda connection: store.list_documents(connection, limit, offset))

    async def delete(self, document_id: str) -> None:
        """Delete the document with its chunks. Raises NotFound."""
        if not await self.database.write(NOBODY, lambda connection: store.delete_document(connection, document_id)):
            raise NotFound

    async def search(self, query: str, k: int) -> list[Hit]:
        """The `k` passages nearest to the query, best first."""
        [vector] = await self._embed([query])
        hits = await self.database.read(NOBODY, lambda connection: store.search(connection, vector, k))
        if hits:
            self.metrics.top_score.observe(hits[0].score)
        return hits

    async def chat(self, session: str, message: str) -> Answer:
        """Answer a message of a session. When the model fails, the session is left as it was."""
        sources = await self.search(message, self.top_k)
        history = await self.database.read(
            NOBODY, lambda connection: store.last_turns(connection, session, HISTORY_MESSAGES)
        )
        # No connection is held while the model thinks.
        text = await self.model.complete(prompt(sources, history, message, _INSTRUCTIONS))
        named = list(dict.fromkeys(hit.document_id for hit in sources))
        turns = await self.database.write(
            NOBODY, lambda connection: store.add_turn(connection, session, message, text, named)
        )
        self.metrics.chats.inc()
        return Answer(text=text, sources=sources, turns=turns)

    async def history(self, session: str) -> list[Turn]:
        """The messages of a session, oldest first. Raises NotFound."""
        turns = await self.database.read(NOBODY, lambda connection: store.last_turns(connection, session, 1000))
        if not turns:
            raise NotFound("There is no such session.")
        return turns

    async def embedding_state(self) -> str:
        """`ok` or `unavailable`, asked of the embedding service itself, at most once a second."""
        at, state = self._embedding_checked
        if time.monotonic() - at < _EMBEDDING_FRESH_SECONDS:
            return state
        try:
            async with asyncio.timeout(_EMBEDDING_CHECK_SECONDS):
                await self.embedder.embed(["health"])
            state = "ok"
        except (ModelUnavailable, TimeoutError):
            state = "unavailable"
        self._embedding_checked = (time.monotonic(), state)
        return state

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        started = time.monotonic()
        vectors = await self.embedder.embed(texts)
        self.metrics.embedding_seconds.observe(time.monotonic() - started)
        return vectors
