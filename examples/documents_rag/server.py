"""Serving HTTP: the application itself, or the embedding service beside it."""

from collections.abc import Mapping

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from reference_rag.app import make_app
from reference_rag.routes import public
from reference_rag.server import run

from . import routes
from .embedding_service import make_embedding_app
from .migrate import migrate
from .service import DocumentsService, make_service
from .settings import Settings


def make_documents_app(service: DocumentsService, settings: Settings) -> FastAPI:
    """The application around a service; browsers of CORS_ORIGINS may use it, and no others."""
    app = make_app(service, title="Documents RAG API", routers=(public, routes.operation, routes.api))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["X-API-Key", "X-Request-ID", "Content-Type"],
        )
    return app


def serve(settings: Settings) -> None:
    """Migrate when the owner's connection is known, then serve until a signal. Raises MigrationError."""
    if settings.migrations_url:
        migrate(settings.owner_url())
    service = make_service(settings)
    run(make_documents_app(service, settings), service)


def serve_embeddings(environment: Mapping[str, str]) -> None:
    """Serve embeddings on HOST and PORT until a signal."""
    host, port = environment.get("HOST", "127.0.0.1"), int(environment.get("PORT", "8001"))
    uvicorn.run(make_embedding_app(), host=host, port=port, log_level="warning", access_log=False)
