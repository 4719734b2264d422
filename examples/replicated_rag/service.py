"""The parts of the replicated store: those of the reference service, and what watches the standbys."""

from dataclasses import dataclass, fields
from pathlib import Path

from reference_rag import service as reference
from reference_rag.chunking import chunks_of
from reference_rag.rag import Rag
from reference_rag.store import Chunk

from . import store
from .replication import Replication
from .settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


class ReplicatedRag(Rag):
    """The reference's ingest, search and chat, with vectors that are updated in place."""

    async def ingest(self, tenant: str, document_id: str, title: str, text: str) -> int:
        """Store a document, all or nothing, and return its number of chunks. The same id again updates it."""
        contents = chunks_of(text)
        vectors = await self._embed([f"{title}\n{content}" for content in contents])
        chunks = [Chunk(content=c, embedding=v) for c, v in zip(contents, vectors, strict=True)]
        try:
            await self.database.write(
                tenant,
                lambda connection: store.put_document(
                    connection, tenant=tenant, document_id=document_id, title=title, text=text, chunks=chunks
                ),
            )
        finally:  # also after an error: the commit may have happened
            self.cache.invalidate(tenant)
        self.metrics.documents.inc()
        return len(chunks)


@dataclass(slots=True, kw_only=True)
class Service(reference.Service):
    """What a request may need."""

    replication: Replication


def make_service(settings: Settings) -> Service:
    """Put the parts together; nothing is connected yet."""
    plain = reference.make_service(settings)
    rag = ReplicatedRag(plain.rag.database, plain.rag.embedder, plain.rag.model, plain.rag.cache, plain.metrics)
    parts = {field.name: getattr(plain, field.name) for field in fields(plain)}
    parts |= {"rag": rag, "migrations": MIGRATIONS}
    return Service(**parts, replication=Replication(rag, settings.standbys, settings.heartbeat_limit))
