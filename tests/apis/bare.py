"""An API with no health route, no metrics and no OpenAPI document; tenants by a plain header, a search by GET."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel
from tests.apis.library import Library

app = FastAPI(openapi_url=None)
library = Library()
Workspace = Annotated[str, Header(alias="X-Workspace")]


class Memory(BaseModel):
    """Something to remember."""

    key: str
    value: str


@app.post("/remember")
async def remember(memory: Memory, workspace: Workspace) -> dict[str, str]:
    library.put(workspace, memory.key, memory.value)
    return {"remembered": memory.key}


@app.get("/recall")
async def recall(about: str, workspace: Workspace, most: int = 5) -> dict[str, list[dict[str, str | float]]]:
    found = library.find(workspace, about, most)
    return {"memories": [{"key": key, "value": text, "closeness": score} for key, text, score in found]}


@app.get("/memory")
async def memory(key: str, workspace: Workspace) -> dict[str, str]:
    value = library.get(workspace, key)
    if value is None:
        raise HTTPException(404, "forgotten")
    return {"key": key, "value": value}


@app.delete("/memory")
async def forget(key: str, workspace: Workspace) -> dict[str, bool]:
    return {"forgotten": library.remove(workspace, key)}
