"""The bodies of requests and answers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from reference_rag.schemas import Name, Question, Text


class MessageIn(BaseModel):
    """A message to remember. Without an id it gets a new one; with a known id it replaces that message.

    Without an importance the service judges it itself.
    """

    id: Name | None = None
    conversation: Name
    role: Literal["user", "assistant"] = "user"
    content: Text
    importance: Annotated[float, Field(ge=0, le=1)] | None = None


class MessageStored(BaseModel):
    """A remembered message."""

    id: str
    conversation: str
    importance: float
    chunks: int


class MessageOut(BaseModel):
    """A message. One that was archived can still be read, and is not found any more."""

    id: str
    conversation: str
    role: str
    content: str
    importance: float
    created_at: datetime
    archived_at: datetime | None


class ConversationOut(BaseModel):
    """The newest messages of a conversation, oldest first."""

    id: str
    messages: list[MessageOut]


class SearchIn(BaseModel):
    """A search; MAX_RESULTS decides how many memories it gives unless `k` does."""

    query: Question
    k: Annotated[int, Field(ge=1, le=100)] | None = None


class HitOut(BaseModel):
    """A memory that was found. The score is the cosine similarity, from -1 to 1."""

    message_id: str
    conversation: str
    chunk_id: int
    text: str
    score: float


class SearchOut(BaseModel):
    """The memories found, best first."""

    hits: list[HitOut]


class SourceOut(BaseModel):
    """A message that an answer rests on."""

    message_id: str
    conversation: str
    score: float


class ChatIn(BaseModel):
    """A message in a conversation, which begins with its first message."""

    conversation: Name
    message: Question


class ChatOut(BaseModel):
    """An answer, its sources and the number of questions that the conversation has had."""

    answer: str
    sources: list[SourceOut]
    conversation: str
    turns: int


class RetentionOut(BaseModel):
    """What the retention job did in a run, over all tenants."""

    started_at: datetime
    finished_at: datetime
    archived: int
    deleted: int
