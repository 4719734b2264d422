"""An API that answers chats as a stream of events, token by token; bearer tokens; health at /health only."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from itertools import count
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from tests.apis.library import Library

app = FastAPI(title="streaming")
library = Library()
numbers = count(1)
tokens = dict(pair.split("=")[::-1] for pair in os.environ["TOKENS"].split(","))


class Note(BaseModel):
    """A note to remember."""

    content: str


class Kept(BaseModel):
    """A note that is kept."""

    note_id: str
    content: str


class Ask(BaseModel):
    """A question."""

    question: str
    conversation_id: str | None = None


def tenant(given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]) -> str:
    if given is None or given.credentials not in tokens:
        raise HTTPException(401, "unknown token")
    return tokens[given.credentials]


Tenant = Annotated[str, Depends(tenant)]


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/notes")
async def keep(note: Note, tenant: Tenant) -> Kept:
    id = f"n{next(numbers)}-{tenant}"  # noqa: A001 - as in the answer
    library.put(tenant, id, note.content)
    return Kept(note_id=id, content=note.content)


@app.get("/notes/search")
async def search(q: str, tenant: Tenant, limit: int = 10) -> list[Kept]:
    return [Kept(note_id=key, content=text) for key, text, _ in library.find(tenant, q, limit)]


@app.get("/notes/{id}")
async def read(id: str, tenant: Tenant) -> Kept:  # noqa: A002 - part of the path
    text = library.get(tenant, id)
    if text is None:
        raise HTTPException(404, "no such note")
    return Kept(note_id=id, content=text)


@app.delete("/notes/{id}", status_code=204)
async def forget(id: str, tenant: Tenant) -> None:  # noqa: A002 - part of the path
    if not library.remove(tenant, id):
        raise HTTPException(404, "no such note")


@app.post("/chat", responses={200: {"content": {"text/event-stream": {}}}}, response_class=StreamingResponse)
async def chat(ask: Ask, tenant: Tenant) -> StreamingResponse:
    """Answer a question, token by token."""
    return StreamingResponse(_answer(ask, tenant), media_type="text/event-stream")


async def _answer(ask: Ask, tenant: str) -> AsyncIterator[str]:
    found = library.find(tenant, ask.question, 3)
    yield ": a comment, as a sign of life\n\n"
    yield _event("citations", {"documents": [{"id": key} for key, _, _ in found]})
    if "fail" in ask.question.split():
        yield _event("error", {"message": "the model is away"})
        return
    text = found[0][1] if found else "Nothing is known about it."
    for word in text.split():
        await asyncio.sleep(0.002)
        yield _event("token", {"delta": f"{word} "})
        if "cut" in ask.question.split():
            return
    yield "data: [DONE]\n\n"


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
