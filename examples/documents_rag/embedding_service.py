"""The embedding service: an OpenAI-compatible endpoint around the reference service's hashing embedder.

It stands where a team runs a model server or pays for an API; it is a process of its own, so that it can be away.
"""

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from reference_rag.embeddings import HashingEmbedder


class EmbeddingsIn(BaseModel):
    """Texts to embed."""

    model: str
    input: list[str] = Field(max_length=2048)
    dimensions: int = 384


def make_embedding_app() -> FastAPI:
    """The application."""
    app = FastAPI(title="Embedding service", docs_url=None, redoc_url=None)
    embedder = HashingEmbedder()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/embeddings")
    async def embeddings(body: EmbeddingsIn) -> JSONResponse:
        vectors = await embedder.embed(body.input)
        data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
        # As it is: FastAPI's own way would look at each number of each vector.
        return JSONResponse({"object": "list", "model": body.model, "data": data})

    return app
