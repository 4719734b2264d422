"""The HTTP interface."""

import uuid
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from reference_rag.errors import ErrorBody, NotFound, ServiceError, error_body
from reference_rag.logs import request_id
from reference_rag.routes import READINESS_SECONDS, DocumentId, authenticate, authenticate_writer
from reference_rag.schemas import is_storable
from reference_rag.store import Hit

from . import migrate
from .documents import Documents
from .schemas import (
    ChatIn,
    ChatOut,
    DocumentOut,
    DocumentsOut,
    DocumentWithText,
    Health,
    IngestIn,
    IngestOut,
    MessageOut,
    NodeOut,
    SearchIn,
    SearchOut,
    SessionOut,
)
from .service import DocumentsService


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorBody} for status in statuses}


def service_of(request: Request) -> DocumentsService:
    """The parts of the running service."""
    service: DocumentsService = request.app.state.service
    return service


def documents_of(request: Request) -> Documents:
    """Ingest, search and chat."""
    return service_of(request).documents


Parts = Annotated[DocumentsService, Depends(service_of)]
Work = Annotated[Documents, Depends(documents_of)]

operation = APIRouter(tags=["operation"])
api = APIRouter(tags=["documents"], responses=_errors(401, 422, 429, 500, 503), dependencies=[Depends(authenticate)])
WRITER = [Depends(authenticate_writer)]


@operation.get("/health", response_model=Health, responses=_errors(503))
async def health(service: Parts) -> Response:
    """Whether the service can do its work: the database answers and is migrated, the embedding service answers."""
    checks = {"draining": "yes" if service.draining else "no", "database": "ok", "schema": "ok"}
    try:
        version = await service.documents.database.schema_version(READINESS_SECONDS)
    except ServiceError as error:
        checks |= {"database": error.code, "schema": "unknown"}
    else:
        checks["schema"] = "ok" if version == migrate.head() else "not migrated"
    checks["embeddings"] = await service.documents.embedding_state()
    failing = [name for name, state in checks.items() if state not in ("ok", "no")]
    if not failing:
        return JSONResponse(Health(checks=checks).model_dump())
    body = error_body("not_healthy", f"Not healthy: {', '.join(failing)}.", request_id.get())
    return JSONResponse({"status": "unhealthy", "failing": failing, "checks": checks} | body, 503)


@api.post("/ingest", status_code=201, responses=_errors(403, 413), dependencies=WRITER)
async def ingest(body: IngestIn, documents: Work) -> IngestOut:
    """Store a document: all of it or nothing. The id of an existing document replaces it."""
    identity = body.id or uuid.uuid4().hex
    chunks = await documents.ingest(identity, body.title, body.text, body.metadata)
    return IngestOut(document_id=identity, chunks=chunks)


@api.get("/documents")
async def list_documents(
    documents: Work,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> DocumentsOut:
    """Documents, newest first."""
    found = await documents.page(limit, offset)
    return DocumentsOut(
        documents=[
            DocumentOut(id=one.id, title=one.title, metadata=one.metadata, chunks=one.chunks, created_at=one.created_at)
            for one in found
        ]
    )


@api.get("/documents/{id:path}", responses=_errors(404))
async def get_document(identity: DocumentId, documents: Work) -> DocumentWithText:
    """A document."""
    found = await documents.get(identity)
    return DocumentWithText(
        id=found.id,
        title=found.title,
        text=found.text,
        metadata=found.metadata,
        chunks=found.chunks,
        created_at=found.created_at,
    )


@api.delete("/documents/{id:path}", status_code=204, responses=_errors(403, 404), dependencies=WRITER)
async def delete_document(identity: DocumentId, documents: Work) -> None:
    """Delete a document and its chunks."""
    await documents.delete(identity)


@api.post("/search", responses=_errors(413))
async def search(body: SearchIn, documents: Work) -> SearchOut:
    """The passages nearest to the query."""
    return SearchOut(nodes=_nodes(await documents.search(body.query, body.top_k)))


@api.post("/chat", responses=_errors(413))
async def chat(body: ChatIn, documents: Work) -> ChatOut:
    """Answer a message of a session from the documents."""
    answer = await documents.chat(body.session_id, body.message)
    return ChatOut(answer=answer.text, sources=_nodes(answer.sources), session_id=body.session_id, turns=answer.turns)


@api.get("/sessions/{id}", responses=_errors(404))
async def session(id: Annotated[str, Path(max_length=200)], documents: Work) -> SessionOut:  # noqa: A002  # the name in the path
    """The conversation of a session."""
    if not is_storable(id):
        raise NotFound("There is no such session.")
    turns = await documents.history(id)
    return SessionOut(session_id=id, messages=[MessageOut(role=one.role, content=one.content) for one in turns])


def _nodes(hits: Iterable[Hit]) -> list[NodeOut]:
    return [
        NodeOut(document_id=h.document_id, node_id=h.chunk_id, title=h.title, text=h.text, score=h.score) for h in hits
    ]
