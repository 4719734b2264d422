"""A vector store's API: ids, texts and distances in lists beside each other, one list for each query.

The key of a tenant stands in the query; a heartbeat tells that it lives; documents are fetched and deleted by POST.
"""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import APIKeyQuery
from pydantic import BaseModel
from tests.apis.library import Library

app = FastAPI(title="columns")
library = Library()
keys = dict(pair.split("=")[::-1] for pair in os.environ["KEYS"].split(","))


class Documents(BaseModel):
    """Texts and their ids."""

    ids: list[str]
    documents: list[str]


class Query(BaseModel):
    """Texts to look for."""

    query_texts: list[str]
    n_results: int = 10


class Found(BaseModel):
    """For every query a list; distances are missing where there is nothing to compare."""

    ids: list[list[str]]
    documents: list[list[str]]
    distances: list[list[float]] | None = None


class Ids(BaseModel):
    """Which documents."""

    ids: list[str]


def tenant(api_key: Annotated[str | None, Depends(APIKeyQuery(name="api_key", auto_error=False))]) -> str:
    if api_key not in keys:
        raise HTTPException(403, "unknown key")
    return keys[api_key]


Tenant = Annotated[str, Depends(tenant)]


@app.get("/api/v1/heartbeat")
async def heartbeat() -> dict[str, int]:
    return {"nanosecond heartbeat": 1}


@app.post("/api/v1/collection/add", status_code=201)
async def add(given: Documents, tenant: Tenant) -> Ids:
    for key, text in zip(given.ids, given.documents, strict=True):
        library.put(tenant, key, text)
    return Ids(ids=given.ids)


@app.post("/api/v1/collection/query")
async def query(asked: Query, tenant: Tenant) -> Found:
    found = [library.find(tenant, text, asked.n_results) for text in asked.query_texts]
    return Found(
        ids=[[key for key, _, _ in one] for one in found],
        documents=[[text for _, text, _ in one] for one in found],
        distances=[[1 - score for _, _, score in one] for one in found],
    )


@app.post("/api/v1/collection/get")
async def get(wanted: Ids, tenant: Tenant) -> Documents:
    texts = [library.get(tenant, key) for key in wanted.ids]
    there = [(key, text) for key, text in zip(wanted.ids, texts, strict=True) if text is not None]
    if not there:
        raise HTTPException(404, "none of them is there")
    return Documents(ids=[key for key, _ in there], documents=[text for _, text in there])


@app.post("/api/v1/collection/delete")
async def delete(unwanted: Ids, tenant: Tenant) -> Ids:
    return Ids(ids=[key for key in unwanted.ids if library.remove(tenant, key)])
