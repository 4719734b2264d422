"""The parts of the replicated store: those of the reference service, and what watches the standbys."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_rag import service as reference
from reference_rag.database import Connection
from reference_rag.rag import Rag
from reference_rag.store import Chunk

from . import store
from .replication import Replication
from .settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


class ReplicatedRag(Rag):
    """The reference's ingest, search and chat, with vectors that are updated in place."""

    async def _put_document(
        self, connection: Connection, *, tenant: str, document_id: str, title: str, text: str, chunks: Sequence[Chunk]
    ) -> None:
        await store.put_document(
            connection, tenant=tenant, document_id=document_id, title=title, text=text, chunks=chunks
        )


@dataclass(slots=True, kw_only=True)
class Service(reference.Service):
    """What a request may need."""

    replication: Replication


def make_service(settings: Settings) -> Service:
    """Put the parts together; nothing is connected yet."""
    plain = reference.make_service(settings)
    rag = ReplicatedRag(plain.rag.database, plain.rag.embedder, plain.rag.model, plain.rag.cache, plain.metrics)
    parts = plain.parts() | {"rag": rag, "migrations": MIGRATIONS}
    return Service(**parts, replication=Replication(rag, settings.standbys, settings.heartbeat_limit))
