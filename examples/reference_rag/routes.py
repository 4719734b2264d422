"""The HTTP interface."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader

from . import migrate
from .auth import Caller
from .errors import ErrorBody, NotAllowed, NotAuthenticated, NotFound, RateLimited, ServiceError, error_body
from .logs import request_id
from .schemas import (
    ChatIn,
    ChatOut,
    DocumentIn,
    DocumentOut,
    DocumentStored,
    HitOut,
    Live,
    Ready,
    SearchIn,
    SearchOut,
    SourceOut,
    is_storable,
)
from .service import Service
from .settings import Role

READINESS_SECONDS = 0.45  # waits twice at most: for a connection and for the answer
_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="The key of a tenant.")


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorBody} for status in statuses}


def service_of(request: Request) -> Service:
    """The parts of the running service."""
    service: Service = request.app.state.service
    return service


Parts = Annotated[Service, Depends(service_of)]


def authenticate(request: Request, service: Parts, key: Annotated[str | None, Depends(_KEY)]) -> Caller:
    """The caller, within its rate limit."""
    if not key:
        raise NotAuthenticated
    caller = service.authenticator.caller(key)
    request.state.tenant = caller.tenant
    if wait_seconds := service.rate_limiter.take(caller.key_id, caller.tenant):
        service.metrics.rate_limited.inc()
        raise RateLimited(retry_after=wait_seconds)
    return caller


def authenticate_writer(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
    """The caller, if it may write."""
    if caller.role is not Role.WRITER:
        raise NotAllowed
    return caller


def document_id(id: Annotated[str, Path(max_length=800)]) -> str:  # noqa: A002  # the name in the path
    """The id in the path; one that cannot be stored cannot be found either."""
    if not is_storable(id):
        raise NotFound
    return id


Reader = Annotated[Caller, Depends(authenticate)]
Writer = Annotated[Caller, Depends(authenticate_writer)]
DocumentId = Annotated[str, Depends(document_id)]

public = APIRouter(tags=["operation"])
readiness = APIRouter(tags=["operation"])
api = APIRouter(tags=["documents"], responses=_errors(401, 422, 429, 500, 503))


@public.get("/livez")
async def live() -> Live:
    """Whether the process runs; says nothing about what it depends on."""
    return Live()


@readiness.get("/readyz", response_model=Ready, responses=_errors(503))
async def ready(service: Parts) -> Response:
    """Whether the service can do its work: not draining, the database answers through the pool, and is migrated."""
    return answer_readiness(await checks_of(service))


async def checks_of(service: Service) -> dict[str, str]:
    """What readiness depends on and how it is: `ok`, `no` for draining, or what is wrong."""
    checks = {"draining": "yes" if service.draining else "no", "database": "ok", "schema": "ok"}
    try:
        version = await service.rag.database.schema_version(READINESS_SECONDS)
    except ServiceError as error:
        checks |= {"database": error.code, "schema": "unknown"}
    else:
        if version is None or version < migrate.newest_version(service.migrations):
            checks["schema"] = "not migrated"
    return checks


def answer_readiness(checks: dict[str, str]) -> Response:
    """A 200 when all is well, else a 503 that names what is not."""
    failing = [name for name, state in checks.items() if state not in ("ok", "no")]
    if not failing:
        return JSONResponse(Ready(checks=checks).model_dump())
    body = error_body("not_ready", f"Not ready: {', '.join(failing)}.", request_id.get())
    return JSONResponse({"status": "not ready", "failing": failing, "checks": checks} | body, 503)


@public.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: Parts) -> Response:
    """The Prometheus metrics."""
    body, content_type = service.metrics.render()
    return Response(body, media_type=content_type)


@api.post("/documents", status_code=201, responses=_errors(403, 413))
async def store_document(body: DocumentIn, caller: Writer, service: Parts) -> DocumentStored:
    """Store a document: all of it or nothing. The id of an existing document replaces it."""
    identity = body.id or uuid.uuid4().hex
    chunks = await service.rag.ingest(caller.tenant, identity, body.title, body.text)
    return DocumentStored(id=identity, chunks=chunks)


@api.get("/documents/{id:path}", responses=_errors(404))
async def get_document(identity: DocumentId, caller: Reader, service: Parts) -> DocumentOut:
    """A document of the caller's tenant."""
    document = await service.rag.get(caller.tenant, identity)
    return DocumentOut(id=document.id, title=document.title, text=document.text, created_at=document.created_at)


@api.delete("/documents/{id:path}", status_code=204, responses=_errors(403, 404))
async def delete_document(identity: DocumentId, caller: Writer, service: Parts) -> None:
    """Delete a document and its chunks."""
    await service.rag.delete(caller.tenant, identity)


@api.post("/search", responses=_errors(413))
async def search(body: SearchIn, caller: Reader, service: Parts) -> SearchOut:
    """The passages nearest to the query."""
    hits = await service.rag.search(caller.tenant, body.query, body.k)
    return SearchOut(
        hits=[
            HitOut(document_id=h.document_id, chunk_id=h.chunk_id, title=h.title, text=h.text, score=h.score)
            for h in hits
        ]
    )


@api.post("/chat", responses=_errors(413))
async def chat(body: ChatIn, caller: Reader, service: Parts) -> ChatOut:
    """Answer a message from the tenant's documents."""
    answer = await service.rag.chat(caller.tenant, body.session, body.message)
    sources = [SourceOut(document_id=h.document_id, title=h.title, score=h.score) for h in answer.sources]
    return ChatOut(answer=answer.text, sources=sources, session=body.session, turns=answer.turns)
