"""The parts of the service, put together from the settings."""

from dataclasses import dataclass

from reference_rag.embeddings import OpenAIEmbedder
from reference_rag.service import Service
from reference_rag.service import make_service as make_reference_service

from .documents import Documents
from .settings import Settings


@dataclass(slots=True, kw_only=True)
class DocumentsService(Service):
    """What a request may need."""

    documents: Documents


def make_service(settings: Settings) -> DocumentsService:
    """Put the parts together; nothing is connected yet. Embeddings come from a service of their own."""
    plain = make_reference_service(settings)
    plain.rag.database.version_query = "SELECT version_num FROM alembic_version"
    embedder = OpenAIEmbedder(settings.model_copy(update={"openai_base_url": settings.embeddings_url}), plain.client)
    documents = Documents(plain.rag.database, embedder, plain.rag.model, plain.metrics, top_k=settings.top_k)
    return DocumentsService(**plain.parts(), documents=documents)
