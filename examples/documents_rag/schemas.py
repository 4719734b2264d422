"""The bodies of requests and answers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from reference_rag.schemas import Name, Question, Text


class IngestIn(BaseModel):
    """A document to store. Without an id it gets a new one; with a known id it replaces that document."""

    id: Name | None = None
    title: Name
    text: Text
    metadata: Annotated[dict[Name, Name], Field(max_length=20)] = {}


class IngestOut(BaseModel):
    """A stored document."""

    document_id: str
    chunks: int


class DocumentOut(BaseModel):
    """A document of the list."""

    id: str
    title: str
    metadata: dict[str, str]
    chunks: int
    created_at: datetime


class DocumentWithText(DocumentOut):
    """A document."""

    text: str


class DocumentsOut(BaseModel):
    """A page of documents, newest first."""

    documents: list[DocumentOut]


class SearchIn(BaseModel):
    """A search."""

    query: Question
    top_k: Annotated[int, Field(ge=1, le=100)] = 10


class NodeOut(BaseModel):
    """A passage. The score is the cosine similarity, from -1 to 1."""

    document_id: str
    node_id: int
    title: str
    text: str
    score: float


class SearchOut(BaseModel):
    """The passages found, best first."""

    nodes: list[NodeOut]


class ChatIn(BaseModel):
    """A message in a session; a session begins with its first message."""

    session_id: Name
    message: Question


class ChatOut(BaseModel):
    """An answer, the passages it rests on, and the number of questions that the session has had."""

    answer: str
    sources: list[NodeOut]
    session_id: str
    turns: int


class MessageOut(BaseModel):
    """One message of a session."""

    role: str
    content: str


class SessionOut(BaseModel):
    """A conversation, oldest message first."""

    session_id: str
    messages: list[MessageOut]


class Health(BaseModel):
    """The service can do its work."""

    status: str = "healthy"
    checks: dict[str, str]
