"""The parts of the service, put together from the settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reference_rag.embeddings import make_embedder
from reference_rag.service import Service, make_service
from reference_rag.settings import EmbeddingBackend

from .cache import CachedEmbedder, Redis
from .rag import PersonalRag
from .settings import PersonalSettings
from .vectors import VectorStore, make_store

MIGRATIONS: Final = Path(__file__).parent / "migrations"


@dataclass(slots=True, kw_only=True)
class PersonalService(Service):
    """The reference service's parts, and two more."""

    rag: PersonalRag
    vectors: VectorStore
    redis: Redis | None

    async def close(self) -> None:
        """Close the connections to the stores and to the model."""
        await Service.close(self)
        await self.vectors.close()
        if self.redis is not None:
            self.redis.close()


def make_personal_service(settings: PersonalSettings) -> PersonalService:
    """Put the parts together; nothing is connected yet."""
    plain = make_service(settings)
    vectors = make_store(
        settings.chroma_url, settings.chroma_collection, settings.chroma_token.get_secret_value(),
        settings.chroma_timeout,
    )  # fmt: skip
    redis = Redis(url) if (url := settings.redis_url.get_secret_value()) else None
    embedder = make_embedder(settings, plain.client)
    if redis is not None:
        model = settings.embedding_model if settings.embeddings is EmbeddingBackend.OPENAI else settings.embeddings
        embedder = CachedEmbedder(embedder, redis, model=model, ttl_seconds=settings.cache_ttl, metrics=plain.metrics)
    rag = PersonalRag(plain.rag.database, embedder, plain.rag.model, vectors, plain.metrics)
    parts = plain.parts() | {"rag": rag, "migrations": MIGRATIONS}
    return PersonalService(**parts, vectors=vectors, redis=redis)
