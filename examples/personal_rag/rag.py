"""What the service does, on two stores: the database decides what there is, Chroma finds it.

A document's vectors are stored before its transaction commits, and unwanted ones are removed after it has: whatever is
interrupted in between leaves vectors that nobody refers to, never a passage that cannot be found.
"""

import contextlib
from collections.abc import Sequence

from reference_rag.cache import TenantCache
from reference_rag.chunking import chunks_of
from reference_rag.database import Connection, Database
from reference_rag.embeddings import Embedder, Vector
from reference_rag.errors import NotFound
from reference_rag.llm import ChatModel
from reference_rag.logs import event
from reference_rag.metrics import Metrics
from reference_rag.rag import Rag
from reference_rag.store import Hit

from . import store
from .vectors import Passage, VectorStore, VectorsUnavailable


class PersonalRag(Rag):
    """Ingest, search and chat for the one user that there is."""

    def __init__(
        self, database: Database, embedder: Embedder, model: ChatModel, vectors: VectorStore, metrics: Metrics
    ) -> None:
        super().__init__(database, embedder, model, TenantCache(0, 1.0), metrics)
        self.vectors = vectors

    async def ingest(self, tenant: str, document_id: str, title: str, text: str) -> int:
        """Store a document, all or nothing, and return its number of chunks. The same id again replaces it."""
        contents = chunks_of(text)
        vectors = await self._embed([f"{title}\n{content}" for content in contents])
        ids = await self.database.write(tenant, lambda connection: store.take_ids(connection, len(contents)))
        chunks = list(zip(ids, contents, strict=True))

        async def work(connection: Connection) -> None:
            await store.put_document(connection, document_id=document_id, title=title, text=text, chunks=chunks)

        try:
            await self.vectors.add(passages(ids, document_id, contents, vectors))  # no connection is held meanwhile
            await self.database.write(tenant, work)
        except BaseException:
            await self._take_back(tenant, ids)
            raise
        await self.remove_unwanted(tenant)
        self.metrics.documents.inc()
        return len(contents)

    async def delete(self, tenant: str, document_id: str) -> None:
        """Delete the document with its chunks and their vectors. Raises NotFound."""
        found = await self.database.write(tenant, lambda connection: store.delete_document(connection, document_id))
        if not found:
            raise NotFound
        await self.remove_unwanted(tenant)

    async def remove_unwanted(self, tenant: str) -> None:
        """Work off the vectors that committed changes left behind. Without Chroma they wait for the next change."""
        ids = await self.database.read(tenant, store.unwanted_vectors)
        if not ids:
            return
        try:
            await self.vectors.remove(ids)
        except VectorsUnavailable:
            event("vectors wait to be removed", count=len(ids))
            return
        await self.database.write(tenant, lambda connection: store.forget_vectors(connection, ids))

    async def reconcile(self, tenant: str) -> tuple[int, int]:
        """Remove vectors without a chunk, embed chunks without a vector; how many of each there were."""
        known = await self.vectors.ids()
        chunks = await self.database.read(tenant, store.chunk_ids)
        orphans = sorted(known - chunks)
        await self.vectors.remove(orphans)
        missing = await self.database.read(tenant, lambda connection: store.chunks_without(connection, sorted(known)))
        vectors = await self.embedder.embed([f"{title}\n{content}" for _, _, title, content in missing])
        await self.vectors.add(
            [
                Passage(id=id_, document_id=document, text=content, vector=vector)
                for (id_, document, _, content), vector in zip(missing, vectors, strict=True)
            ]
        )
        return len(orphans), len(missing)

    async def _nearest(self, tenant: str, vector: Vector, k: int) -> list[Hit]:
        neighbours = await self.vectors.nearest(vector, k)
        return await self.database.read(tenant, lambda connection: store.hits_of(connection, neighbours))

    async def _add_turn(self, connection: Connection, tenant: str, session: str, question: str, answer: str) -> int:  # noqa: ARG002  # one person
        return await store.add_turn(connection, session, question, answer)

    async def _take_back(self, tenant: str, ids: Sequence[int]) -> None:
        """The transaction failed, or nobody knows: its vectors go, unless its chunks are there after all."""
        with contextlib.suppress(Exception):
            kept = await self.database.read(tenant, store.chunk_ids)
            await self.vectors.remove([one for one in ids if one not in kept])


def passages(ids: Sequence[int], document_id: str, contents: Sequence[str], vectors: Sequence[Vector]) -> list[Passage]:
    """The chunks of one document as the vector store keeps them."""
    return [
        Passage(id=one, document_id=document_id, text=content, vector=vector)
        for one, content, vector in zip(ids, contents, vectors, strict=True)
    ]
