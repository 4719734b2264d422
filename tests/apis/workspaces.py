"""An API whose tenants are part of the path: a login gives a token, a workspace must be made before it is used.

A token is good for a few requests only, so that whoever holds one must log in again.
"""

from __future__ import annotations

import os
import secrets
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel
from tests.apis.library import Library

app = FastAPI(title="workspaces")
library = Library()
passwords = dict(pair.split("=") for pair in os.environ["PASSWORDS"].split(","))
good_for = int(os.environ.get("TOKEN_USES", "5"))
open_doors = bool(os.environ.get("OPEN_DOORS"))  # a defect: any token opens every workspace
uses: dict[str, int] = {}
owners: dict[str, str] = {}
made: dict[str, int] = {"logins": 0, "workspaces": 0, "removed": 0}
LOGIN = {
    "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": {
        "type": "object", "required": ["username", "password"],
        "properties": {"username": {"type": "string"}, "password": {"type": "string", "format": "password"}},
    }}}},
}  # fmt: skip


class Token(BaseModel):
    """What a login answers."""

    access_token: str
    token_type: str = "bearer"


class Text(BaseModel):
    """A document."""

    title: str
    text: str


class Item(BaseModel):
    """A document that is kept."""

    id: str
    text: str


class Group(BaseModel):
    """Hits of one kind."""

    kind: str
    items: list[Item]


class Query(BaseModel):
    """A search."""

    question: str
    limit: int = 10


class Groups(BaseModel):
    """An answer to a search."""

    groups: list[Group]


def member(workspace: str, token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="auth/token"))]) -> str:
    if uses.get(token, 0) <= 0:
        raise HTTPException(401, "unknown or used up token")
    uses[token] -= 1
    if owners[token] != workspace and not open_doors:
        raise HTTPException(403, "another workspace")
    return workspace


Member = Annotated[str, Depends(member)]


def existing(workspace: Member) -> str:
    if workspace not in library.shelves:
        raise HTTPException(404, "no such workspace")
    return workspace


Workspace = Annotated[str, Depends(existing)]


@app.get("/livez")
async def livez() -> dict[str, int]:
    return made


@app.post("/auth/token", openapi_extra=LOGIN)
async def login(request: Request) -> Token:
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
    user = form.get("username", "")
    if user not in passwords or form.get("password") != passwords[user]:
        raise HTTPException(400, "wrong user or password")
    token = secrets.token_urlsafe(24)
    uses[token], owners[token] = good_for, user
    made["logins"] += 1
    return Token(access_token=token)


@app.put("/workspaces/{workspace}")
async def make(workspace: Member) -> dict[str, str]:
    library.shelves.setdefault(workspace, {})
    made["workspaces"] += 1
    return {"workspace": workspace}


@app.delete("/workspaces/{workspace}", status_code=204)
async def remove(workspace: Member) -> None:
    library.shelves.pop(workspace, None)
    made["removed"] += 1


@app.post("/workspaces/{workspace}/documents", status_code=201)
async def store(workspace: Workspace, text: Text) -> Item:
    id = secrets.token_hex(6)  # noqa: A001 - as in the answer
    library.put(workspace, id, text.text)
    return Item(id=id, text=text.text)


@app.get("/workspaces/{workspace}/documents/{id}")
async def read(workspace: Workspace, id: str) -> Item:  # noqa: A002 - part of the path
    text = library.get(workspace, id)
    if text is None:
        raise HTTPException(404, "no such document")
    return Item(id=id, text=text)


@app.delete("/workspaces/{workspace}/documents/{id}", status_code=204)
async def delete(workspace: Workspace, id: str) -> None:  # noqa: A002 - part of the path
    library.remove(workspace, id)


@app.post("/workspaces/{workspace}/search")
async def search(workspace: Workspace, query: Query) -> Groups:
    found = library.find(workspace, query.question, query.limit)
    items = [Item(id=key, text=text) for key, text, _ in found]
    return Groups(groups=[Group(kind="text", items=items), Group(kind="image", items=[])])
