"""An API that takes documents as uploaded files. Tenants are told apart by an API key; health at /healthz."""

from __future__ import annotations

import os
from email.parser import BytesParser
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import APIKeyHeader
from pydantic import BaseModel
from tests.apis.library import Library

app = FastAPI(title="uploads")
library = Library()
keys = dict(pair.split("=")[::-1] for pair in os.environ["KEYS"].split(","))
UPLOAD = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
        "type": "object", "required": ["file", "title"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "title": {"type": "string"},
            "language": {"type": "string", "default": "en"},
        },
    }}}},
}  # fmt: skip


class Stored(BaseModel):
    """What an upload answers."""

    document_id: str
    filename: str


class Query(BaseModel):
    """A search."""

    query: str
    top_k: int = 5


class Match(BaseModel):
    """One hit."""

    document_id: str
    excerpt: str
    score: float


class Matches(BaseModel):
    """An answer to a search."""

    matches: list[Match]


def tenant(key: Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))]) -> str:
    if key not in keys:
        raise HTTPException(401, "unknown key")
    return keys[key]


Tenant = Annotated[str, Depends(tenant)]


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/files", status_code=201, openapi_extra=UPLOAD)
async def upload(request: Request, tenant: Tenant) -> Stored:
    """Upload a document."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise HTTPException(415, "multipart/form-data is needed")
    message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + await request.body())
    parts = {part.get_param("name", header="content-disposition"): part for part in message.walk()}
    if "file" not in parts or "title" not in parts:
        raise HTTPException(422, "file and title are needed")
    name = parts["file"].get_filename()
    if not name:
        raise HTTPException(422, "file is no file")
    content = parts["file"].get_payload(decode=True)
    assert isinstance(content, bytes)
    library.put(tenant, f"doc-{name}", content.decode())
    return Stored(document_id=f"doc-{name}", filename=name)


@app.get("/files/{id}")
async def read(id: str, tenant: Tenant) -> Match:  # noqa: A002 - part of the path
    text = library.get(tenant, id)
    if text is None:
        raise HTTPException(404, "no such document")
    return Match(document_id=id, excerpt=text, score=1)


@app.delete("/files/{id}", status_code=204)
async def delete(id: str, tenant: Tenant) -> None:  # noqa: A002 - part of the path
    if not library.remove(tenant, id):
        raise HTTPException(404, "no such document")


@app.post("/search")
async def search(query: Query, tenant: Tenant) -> Matches:
    found = library.find(tenant, query.query, query.top_k)
    return Matches(matches=[Match(document_id=key, excerpt=text, score=score) for key, text, score in found])
