"""The HTTP interface: messages, conversations, search, chat and the retention job."""

import uuid
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends

from reference_rag.errors import ErrorBody
from reference_rag.routes import DocumentId, Reader, Writer, service_of

from . import store
from .memory import importance_of
from .schemas import (
    ChatIn,
    ChatOut,
    ConversationOut,
    HitOut,
    MessageIn,
    MessageOut,
    MessageStored,
    RetentionOut,
    SearchIn,
    SearchOut,
    SourceOut,
)
from .service import Service


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorBody} for status in statuses}


def parts_of(service: Annotated[object, Depends(service_of)]) -> Service:
    """The parts of the running memory."""
    return cast("Service", service)


Parts = Annotated[Service, Depends(parts_of)]

api = APIRouter(tags=["memory"], responses=_errors(401, 422, 429, 500, 503))


@api.post("/messages", status_code=201, responses=_errors(403, 413))
async def remember(body: MessageIn, caller: Writer, service: Parts) -> MessageStored:
    """Remember a message: all of it or nothing. The id of an existing message replaces it."""
    identity = body.id or uuid.uuid4().hex
    importance = importance_of(body.content) if body.importance is None else body.importance
    chunks = await service.memory.remember(
        caller.tenant, identity, conversation=body.conversation, role=body.role, content=body.content,
        importance=importance,
    )  # fmt: skip
    return MessageStored(id=identity, conversation=body.conversation, importance=importance, chunks=chunks)


@api.post("/messages/{id:path}/archive", status_code=204, responses=_errors(403, 404))
async def archive_message(identity: DocumentId, caller: Writer, service: Parts) -> None:
    """Keep a message without finding it any more. It is deleted when its time is over."""
    await service.memory.archive(caller.tenant, identity)


@api.get("/messages/{id:path}", responses=_errors(404))
async def get_message(identity: DocumentId, caller: Reader, service: Parts) -> MessageOut:
    """A message of the caller's tenant, archived or not."""
    return _message(await service.memory.message(caller.tenant, identity))


@api.delete("/messages/{id:path}", status_code=204, responses=_errors(403, 404))
async def delete_message(identity: DocumentId, caller: Writer, service: Parts) -> None:
    """Delete a message and everything that was made of it."""
    await service.memory.delete(caller.tenant, identity)


@api.get("/conversations/{id:path}", responses=_errors(404))
async def get_conversation(identity: DocumentId, caller: Reader, service: Parts) -> ConversationOut:
    """The newest messages of a conversation."""
    messages = await service.memory.conversation(caller.tenant, identity)
    return ConversationOut(id=identity, messages=[_message(one) for one in messages])


@api.post("/search", responses=_errors(413))
async def search(body: SearchIn, caller: Reader, service: Parts) -> SearchOut:
    """The memories nearest to the query."""
    hits = await service.memory.search(caller.tenant, body.query, body.k or service.settings.max_results)
    return SearchOut(
        hits=[
            HitOut(message_id=h.document_id, conversation=h.title, chunk_id=h.chunk_id, text=h.text, score=h.score)
            for h in hits
        ]
    )


@api.post("/chat", responses=_errors(413))
async def chat(body: ChatIn, caller: Reader, service: Parts) -> ChatOut:
    """Answer a message from the tenant's memories. The turn joins the conversation; it is not searched itself."""
    answer = await service.memory.chat(caller.tenant, body.conversation, body.message)
    sources = [SourceOut(message_id=h.document_id, conversation=h.title, score=h.score) for h in answer.sources]
    return ChatOut(answer=answer.text, sources=sources, conversation=body.conversation, turns=answer.turns)


@api.post("/retention/run", responses=_errors(403))
async def run_retention(caller: Writer, service: Parts) -> RetentionOut:  # noqa: ARG001  # only writers may
    """Run the retention job now, instead of waiting for its schedule."""
    run = await service.retention.run()
    return RetentionOut(
        started_at=run.started_at, finished_at=run.finished_at, archived=run.archived, deleted=run.deleted
    )


def _message(message: store.Message) -> MessageOut:
    return MessageOut(
        id=message.id, conversation=message.conversation, role=message.role, content=message.content,
        importance=message.importance, created_at=message.created_at, archived_at=message.archived_at,
    )  # fmt: skip
